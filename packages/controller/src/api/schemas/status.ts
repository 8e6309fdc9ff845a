import { z } from '@hono/zod-openapi';
import { count, ms, operationKind, phaseName, shape } from './common.ts';
import { rolloutStatus } from './report.ts';

const verdict = z.enum(['unknown', 'up', 'down']);

const worker = shape({
  pid: z.int(),
  state: z.string(),
  inFlight: count.optional(),
  open: count.optional(),
  idle: count.optional(),
  rss: count.optional(),
  generation: count.optional(),
  startedAtMs: ms.optional(),
});

const arbiter = shape({
  version: z.string().optional(),
  target: count.optional(),
  spawned: count.optional(),
  reloads: count.optional(),
});

export const nodeStatus: z.ZodType = shape({
  name: z.string(),
  kind: z.string(),
  address: z.string(),
  state: z.enum(['ready', 'draining', 'drained', 'stopped', 'starting', 'unhealthy']),
  stateMs: ms,
  inRotation: z.boolean(),
  inFlight: count.openapi({
    description:
      'at most so many; 0 is exact. What nginx has placed by itself counts for each node that it may be on',
  }),
  health: verdict,
  lastCheck: z.string().optional(),
  reason: z.string().optional(),
  healthChange: shape({ from: verdict, to: verdict, reason: z.string(), ms }).optional(),
  pid: z.int().optional(),
  workers: z.array(worker),
  arbiter: arbiter.optional(),
  connections: count.optional(),
  version: z.string().optional(),
  weight: z.number().optional(),
  configuredWeight: z.number().optional(),
  operation: shape({ kind: operationKind, phase: phaseName, ms, by: z.string().optional() }).optional(),
}).openapi('NodeStatus');

export const edgeView: z.ZodType = shape({
  name: z.string(),
  mode: z.enum(['gate', 'reload']),
  state: z.string(),
  server: z.string(),
  pid: z.int().optional(),
  listen: z.string().optional(),
  reason: z.string().optional(),
  weights: z.record(z.string(), z.int()).optional(),
  out: z.array(z.string()),
  desired: z.array(z.string()),
  isConverged: z.boolean(),
  paused: shape({ sinceMs: ms, holdMs: ms }).optional(),
  held: count.optional(),
}).openapi('EdgeView');

const paused = shape({
  sinceMs: ms,
  holdMs: ms,
  by: z.string().optional(),
  inFlight: count.optional(),
}).optional();

const flags = {
  paused,
  panic: shape({ down: count, of: count }).optional(),
  rollout: rolloutStatus.optional(),
};

export const serviceFlags: z.ZodType = shape(flags).openapi('ServiceFlags');

/** How requests are held at the edges; empty where they are not. */
export const pausedAnswer: z.ZodType = shape({ paused });

export const weightReport: z.ZodType = shape({
  node: z.string(),
  weight: z.int(),
  configured: z.int(),
  before: z.int(),
  unproven: z.array(z.string()).optional(),
}).openapi('WeightReport');

export const serviceStatus: z.ZodType = shape({
  service: z.string(),
  pid: z.int(),
  version: z.string().optional(),
  edges: z.array(edgeView),
  nodes: z.array(nodeStatus),
  ...flags,
}).openapi('ServiceStatus');

export const preview: z.ZodType = shape({
  operation: operationKind,
  node: z.string(),
  allowed: z.boolean(),
  reason: z.string().optional(),
  inRotation: count,
  staysInRotation: count,
  of: count,
  inFlight: count,
  atMostMs: ms,
}).openapi('Preview');

const rates = { requests: count, errors: count, p50Ms: ms.optional(), p99Ms: ms.optional() };

export const trafficSample: z.ZodType = shape({
  atMs: z.number(),
  spanMs: ms,
  nodes: z.record(z.string(), shape({ ...rates, inFlight: count })),
  total: shape(rates),
  uncounted: z.array(z.string()).optional(),
}).openapi('TrafficSample');

export const auditEntry: z.ZodType = shape({
  id: z.int().min(1),
  at: z.iso.datetime(),
  who: z.string(),
  role: z.enum(['viewer', 'operator', 'none']),
  from: z.string(),
  action: z.string(),
  subject: z.string(),
  result: z.string(),
  reason: z.string().optional(),
}).openapi('AuditEntry');

export const logLine: z.ZodType = shape({ line: z.string() }).openapi('LogLine');
