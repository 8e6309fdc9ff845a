import { z } from 'zod';
import type { SuccessCriteria } from './canary.ts';
import { defaults } from './config-defaults.ts';
import { duration, positive } from './config-fields.ts';

/** How all nodes are restarted. */
export interface RolloutConfig {
  /** Nodes at the same time. */
  readonly batch: number;
  /** How many nodes go first; 0 is none. */
  readonly canary: number;
  /** How long they are watched before the others follow. */
  readonly soakMs: number;
  readonly success: SuccessCriteria;
}

/** Commands around the change of a node's version: a line for `/bin/sh -c`, or the words of a command. */
export interface HooksConfig {
  /** Between the end of the old process and the start of the new one. */
  readonly beforeStart: string | readonly string[] | undefined;
  /** Brings back what `beforeStart` has replaced. */
  readonly rollBack: string | readonly string[] | undefined;
  readonly timeoutMs: number;
}

const line = z
  .string()
  .min(1, { error: 'must not be empty' })
  .refine((value) => !value.includes('\0'), { error: 'must be text' });
const command = z.union([line, z.array(line).min(1)], {
  error: 'must be a command line or a list of its words',
});

/** `hooks` of a node, and of `rollout` for all nodes. */
export const hooks = z.strictObject({
  beforeStart: command.optional(),
  rollBack: command.optional(),
  timeout: duration.optional(),
});

const batchError = 'must be a number of nodes from 1, or a percentage such as 25%';
const batch = z.union([positive, z.string().regex(/^(100|[1-9]\d?)%$/, { error: batchError })], {
  error: batchError,
});

const shareError = 'must be a percentage such as 1% or 0.5%';
const share = z
  .string({ error: shareError })
  .regex(/^(100|\d{1,2}(\.\d{1,3})?)%$/, { error: shareError })
  .transform((value) => Number(value.slice(0, -1)) / 100);

/** `rollout` as users write it. */
export const rollout = z
  .strictObject({
    batch: batch.default(defaults.rolloutBatch),
    canary: z.number().int().min(0).default(0),
    soak: duration.optional(),
    success: z
      .strictObject({
        maxErrorRate: share.optional(),
        maxP99Ratio: z.number().min(1, { error: 'must be a number from 1' }).optional(),
        minRequests: z.number().int().min(0).optional(),
      })
      .optional(),
    hooks: hooks.optional(),
  })
  .prefault({});

type RolloutDocument = z.output<typeof rollout>;
type HooksDocument = z.output<typeof hooks>;

/** The section with every field present. */
export function toRollout(document: RolloutDocument, nodes: number): RolloutConfig {
  const { success } = document;
  return {
    batch: batchSize(document.batch, nodes),
    canary: document.canary,
    soakMs: document.soak ?? defaults.soakMs,
    success: {
      maxErrorRate: success?.maxErrorRate ?? defaults.maxErrorRate,
      maxP99Ratio: success?.maxP99Ratio ?? defaults.maxP99Ratio,
      minRequests: success?.minRequests ?? defaults.minRequests,
      isDemanded: success !== undefined,
    },
  };
}

/** A percentage is rounded down, so that no more leave at once than was asked for; one node is the least. */
export function batchSize(value: number | string, nodes: number): number {
  return typeof value === 'number'
    ? value
    : Math.max(1, Math.floor((nodes * Number.parseInt(value, 10)) / 100));
}

/** A node's own hooks, then those for all nodes, key by key; `undefined` where there are none. */
export function toHooks(
  own: HooksDocument | undefined,
  common: HooksDocument | undefined,
): HooksConfig | undefined {
  const beforeStart = own?.beforeStart ?? common?.beforeStart;
  const rollBack = own?.rollBack ?? common?.rollBack;
  if (beforeStart === undefined && rollBack === undefined) return undefined;
  return { beforeStart, rollBack, timeoutMs: own?.timeout ?? common?.timeout ?? defaults.hookTimeoutMs };
}
