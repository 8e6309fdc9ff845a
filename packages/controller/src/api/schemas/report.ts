import { z } from '@hono/zod-openapi';
import { operationResults } from '@lameduck/core';
import { count, errorLine, ms, operationKind, phaseName, shape, time } from './common.ts';

const phase = shape({ name: phaseName, ms });

const why = { reason: z.string().optional(), code: z.string().optional() };

const proof = shape({ edge: z.string(), mode: z.enum(['gate', 'reload']), ms, generation: z.int() });

export const operationReport: z.ZodType = shape({
  operation: operationKind,
  node: z.string(),
  result: z.enum(operationResults),
  phases: z.array(phase),
  inFlight: count,
  answered: z.int(),
  lost: count,
  sessions: count.optional(),
  killed: z.array(z.int()),
  edges: z.array(proof).optional(),
  unproven: z.array(z.string()).optional(),
  ms,
  ...why,
  cause: z.literal('node').optional(),
  overruled: z.string().optional(),
  rolledBack: z.boolean().optional(),
  isBack: z.literal(true).optional(),
  interrupted: shape({ phase: phaseName, settled: z.enum(['resumed', 'reverted']) }).optional(),
}).openapi('OperationReport');

export const rolloutReport: z.ZodType = shape({
  operation: z.literal('rollout'),
  result: z.string(),
  nodes: z.array(operationReport),
  untouched: z.array(z.string()),
  skipped: z.array(z.string()).optional(),
  ms,
  ...why,
}).openapi('RolloutReport');

export const anyReport: z.ZodType = z.union([operationReport, rolloutReport]);

const criterion = shape({
  name: z.string(),
  verdict: z.enum(['passed', 'failed', 'pending', 'skipped']),
  value: z.number().optional(),
  limit: z.number().optional(),
  reason: z.string().optional(),
});

export const rolloutStatus: z.ZodType = shape({
  id: z.int(),
  state: z.enum(['running', 'paused', 'soaking', 'aborting', 'done', 'aborted']),
  batch: z.int().min(1),
  canary: z.int().optional(),
  canaryNodes: z.array(z.string()).optional(),
  pending: z.array(z.string()),
  running: z.array(z.string()),
  skipped: z.array(z.string()).optional(),
  done: z.array(z.string()),
  soakEndsAt: time.optional(),
  soakMs: ms.optional(),
  criteria: z.array(criterion).optional(),
  by: z.string().optional(),
  reason: z.string().optional(),
  beganAt: time,
}).openapi('RolloutStatus');

/** What an operation tells while it runs. */
const progressLines: readonly z.ZodType[] = [
  shape({ type: z.literal('phase'), node: z.string(), phase: phaseName }),
  shape({ type: z.literal('phaseEnded'), node: z.string(), phase: phaseName, ms }),
  shape({ type: z.literal('waiting'), node: z.string(), reason: z.string() }),
  shape({ type: z.literal('inFlight'), node: z.string(), count }),
  shape({
    type: z.literal('edge'),
    node: z.string(),
    edge: z.string(),
    state: z.string(),
    processes: z.int().optional(),
  }),
  shape({ type: z.literal('nodeReport'), report: operationReport }),
  shape({ type: z.literal('rollout'), status: rolloutStatus }),
];

/** One line of the answer to an operation; the last one is a report or an error. */
export const operationLine: z.ZodType = z
  .union([...progressLines, shape({ type: z.literal('report'), report: anyReport }), errorLine])
  .openapi('OperationLine');

const entry = {
  id: z.int().min(1),
  operation: z.union([operationKind, z.literal('rollout')]),
  subject: z.string(),
  beganAt: time,
  by: z.string().optional(),
  report: anyReport.optional(),
};

export const historyEntry: z.ZodType = shape({ ...entry, proofs: z.array(proof).optional() }).openapi(
  'HistoryEntry',
);

export const historyDetail: z.ZodType = shape({
  ...entry,
  proofs: z.array(proof),
  steps: z.array(shape({ name: phaseName, beganAt: time, ms: ms.optional() })),
}).openapi('HistoryDetail');
