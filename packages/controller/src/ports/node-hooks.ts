/** What a hook is told in its environment, beside the node's own variables. */
export interface HookFacts {
  readonly action: 'deploy' | 'rollBack';
  /** Why it is rolled back. */
  readonly reason?: string;
}

export type HookName = 'beforeStart' | 'rollBack';

/**
 * The user's commands around a change of one node's version. A hook whose controller died in it may still run: the next
 * one that is run ends it first, also where the node has no such hook.
 */
export interface NodeHooks {
  /** The command as a person reads it; `undefined` where the node has no such hook. */
  describe(hook: HookName): string | undefined;
  /** The longest that a hook may take. */
  readonly timeoutMs: number;
  /**
   * Resolves when the command has exited with 0, at once where there is none. Throws `hookFailed` with its last lines;
   * `details.hasRun` where it had begun. */
  run(hook: HookName, facts: HookFacts, signal: AbortSignal): Promise<void>;
}
