import { LameduckError } from '@lameduck/core';
import type { HookName, NodeHooks } from '../../ports/node-hooks.ts';

/** Hooks without commands, for tests of what uses the port. */
export interface FakeHooks extends NodeHooks {
  /** `beforeStart deploy` of each hook that began, in order. */
  readonly calls: readonly string[];
  /** Why the last roll back was asked for. */
  readonly reasons: readonly string[];
  /** From now on this hook fails with the message, until called without one; `hasRun`: after it had begun. */
  fail(hook: HookName, message?: string, hasRun?: boolean): void;
}

/** Hooks that do nothing. */
export function createFakeHooks(has: readonly HookName[] = ['beforeStart', 'rollBack']): FakeHooks {
  const calls: string[] = [];
  const reasons: string[] = [];
  const failures = new Map<HookName, LameduckError>();
  return {
    calls,
    reasons,
    timeoutMs: 1000,
    describe: (hook) => (has.includes(hook) ? `./${hook}` : undefined),
    fail: (hook, message, hasRun = true) => {
      if (message === undefined) failures.delete(hook);
      else failures.set(hook, new LameduckError('hookFailed', message, { hasRun }));
    },
    async run(hook, { action, reason }, signal) {
      signal.throwIfAborted();
      if (!has.includes(hook)) return;
      calls.push(`${hook} ${action}`);
      if (reason !== undefined) reasons.push(reason);
      const failure = failures.get(hook);
      if (failure !== undefined) throw failure;
    },
  };
}
