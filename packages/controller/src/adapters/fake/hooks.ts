import { LameduckError } from '@lameduck/core';
import type { HookName, NodeHooks } from '../../ports/node-hooks.ts';

/** Hooks without commands, for tests of what uses the port. */
export interface FakeHooks extends NodeHooks {
  /** `beforeStart deploy` of each hook that began, in order. */
  readonly calls: readonly string[];
  /** Why the last roll back was asked for. */
  readonly reasons: readonly string[];
  /** From now on this hook fails with the message, until called without one. */
  fail(hook: HookName, message?: string): void;
}

/** Hooks that do nothing. */
export function createFakeHooks(has: readonly HookName[] = ['beforeStart', 'rollBack']): FakeHooks {
  const calls: string[] = [];
  const reasons: string[] = [];
  const failures = new Map<HookName, string | undefined>();
  return {
    calls,
    reasons,
    timeoutMs: 1000,
    describe: (hook) => (has.includes(hook) ? `./${hook}` : undefined),
    fail: (hook, message) => void failures.set(hook, message),
    async run(hook, { action, reason }, signal) {
      signal.throwIfAborted();
      if (!has.includes(hook)) return;
      calls.push(`${hook} ${action}`);
      if (reason !== undefined) reasons.push(reason);
      const message = failures.get(hook);
      if (message !== undefined) throw new LameduckError('hookFailed', message);
    },
  };
}
