import { z } from '@hono/zod-openapi';
import { LameduckError, type OperationKind } from '@lameduck/core';
import type { Controller } from '../../controller.ts';
import type { ApiParts } from '../options.ts';
import type { ApiRoute, Asked } from '../route.ts';
import { operationKind } from '../schemas/common.ts';
import { historyDetail, historyEntry, rolloutStatus } from '../schemas/report.ts';
import { auditEntry, preview, serviceStatus, trafficSample } from '../schemas/status.ts';

const limit = z.coerce.number().int().min(1).max(1000).default(20);
const before = z.coerce.number().int().min(1).optional();
const search = z.string().min(1).max(200).optional();
export const nodeName: z.ZodType = z.string().min(1).max(63);

interface ListQuery {
  readonly limit: number;
  readonly before?: number;
  readonly node?: string;
  readonly search?: string;
}

const json = 'application/json';

/** What may be looked at. */
export function readRoutes(parts: ApiParts): readonly ApiRoute[] {
  const { controller } = parts;
  return [
    {
      ...{ method: 'get', path: '/v1/status', role: 'viewer', errors: [] },
      summary: 'edges, nodes and their workers as they are now',
      answer: { type: json, schema: serviceStatus, description: 'the whole state' },
      handle: async ({ context }) => context.json(await controller.status()),
    },
    {
      ...{ method: 'get', path: '/v1/rollout', role: 'viewer', errors: [] },
      summary: 'the rollout under way, or the last one of this controller; null where there was none',
      answer: { type: json, schema: rolloutStatus.nullable(), description: 'how it stands' },
      handle: ({ context }) => context.json(controller.rolloutStatus?.() ?? null),
    },
    ...historyRoutes(controller),
    {
      ...{ method: 'get', path: '/v1/audit', role: 'viewer', errors: [503] },
      summary: 'who did what from where, with its result; the newest first',
      query: z.object({ limit, before, search }),
      answer: { type: json, schema: z.array(auditEntry), description: 'entries' },
      handle: async ({ context, query }) =>
        context.json(await controller.audit.find(query as unknown as ListQuery)),
    },
    {
      ...{ method: 'get', path: '/v1/preview/{operation}/{node}', role: 'viewer', errors: [404] },
      summary: 'what an operation would do now; touches nothing',
      params: z.object({ operation: operationKind, node: nodeName }),
      answer: { type: json, schema: preview, description: 'what it would do' },
      handle: async ({ context, params }) =>
        context.json(
          await controller.preview(params['operation'] as OperationKind, params['node'] as string),
        ),
    },
    {
      ...{ method: 'get', path: '/v1/traffic', role: 'viewer', errors: [] },
      summary: 'requests, errors and latencies, a second at a time, at most the last 15 minutes',
      query: z.object({ since: z.coerce.number().int().min(0).default(0) }),
      answer: { type: json, schema: z.array(trafficSample), description: 'samples, the oldest first' },
      handle: (asked) => readTraffic(parts, asked),
    },
  ];
}

function historyRoutes(controller: Controller): readonly ApiRoute[] {
  return [
    {
      ...{ method: 'get', path: '/v1/history', role: 'viewer', errors: [503] },
      summary: 'operations with their reports; the newest first',
      query: z.object({ limit, before, search, node: nodeName.optional() }),
      answer: { type: json, schema: z.array(historyEntry), description: 'entries' },
      handle: async ({ context, query }) =>
        context.json(await controller.findHistory(query as unknown as ListQuery)),
    },
    {
      ...{ method: 'get', path: '/v1/history/{id}', role: 'viewer', errors: [404, 503] },
      summary: 'one operation with its proofs and the times of its steps, also while it runs',
      params: z.object({ id: z.string().regex(/^[1-9]\d{0,11}$/) }),
      answer: { type: json, schema: historyDetail, description: 'the operation' },
      handle: async ({ context, params }) => {
        const id = Number(params['id']);
        const entry = await controller.historyEntry(id);
        if (entry === undefined) throw notFound(`operation ${id}`, 'one of the history is wanted');
        return context.json(entry);
      },
    },
  ];
}

function readTraffic({ traffic }: ApiParts, { context, query }: Asked): Response {
  return context.json(traffic.window(query['since'] as number));
}

/** Answered with 404. */
export function notFound(what: string, wanted: string): LameduckError {
  return new LameduckError('usage', `Cannot find ${what}: ${wanted}`, { isMissing: true });
}
