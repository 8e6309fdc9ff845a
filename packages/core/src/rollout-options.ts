import type { RolloutConfig } from './config-rollout.ts';
import { LameduckError } from './errors.ts';

/** What one rollout does otherwise than the configuration says. */
export interface RolloutOptions {
  readonly batch?: number | undefined;
  readonly canary?: number | undefined;
  readonly soakMs?: number | undefined;
  readonly maxErrorRate?: number | undefined;
  readonly maxP99Ratio?: number | undefined;
  readonly minRequests?: number | undefined;
  /** Only these nodes; all that serve where it is left out. */
  readonly only?: readonly string[] | undefined;
}

/** The rollout that is meant. Throws `usage` where the canary would leave no other node. */
export function resolveRollout(config: RolloutConfig, options: RolloutOptions, nodes: number): RolloutConfig {
  const { maxErrorRate, maxP99Ratio, minRequests } = options;
  const canary = options.canary ?? config.canary;
  if (options.canary !== undefined && canary > 0 && canary >= nodes) {
    const message = `Cannot begin a rollout: fewer canary nodes than nodes are wanted (${nodes}): current value is ${canary}`;
    throw new LameduckError('usage', message, { canary, nodes });
  }
  return {
    batch: options.batch ?? config.batch,
    // of fewer nodes than the configuration has, the canary may be all: then there is nobody to go before
    canary: canary >= nodes ? 0 : canary,
    soakMs: options.soakMs ?? config.soakMs,
    success: {
      maxErrorRate: maxErrorRate ?? config.success.maxErrorRate,
      maxP99Ratio: maxP99Ratio ?? config.success.maxP99Ratio,
      minRequests: minRequests ?? config.success.minRequests,
      isDemanded: config.success.isDemanded || (maxErrorRate ?? maxP99Ratio ?? minRequests) !== undefined,
    },
  };
}
