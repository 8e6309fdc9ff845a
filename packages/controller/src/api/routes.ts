import {
  type ErrorCode,
  httpStatuses,
  LameduckError,
  longestHoldMs,
  type OperationKind,
  type OperationLine,
  type OperationReport,
  type RolloutReport,
} from '@lameduck/core';
import { type Context, Hono } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { z } from 'zod';
import type { Controller } from '../controller.ts';
import { metricsType } from '../metrics/page.ts';
import type { OnProgress } from '../run-operation.ts';

const kinds: readonly string[] = ['drain', 'ready', 'stop', 'start', 'restart'] satisfies OperationKind[];
const leaveBody = z.strictObject({ pid: z.int().min(1), waitMs: z.int().min(0).max(3_600_000) });
const pauseBody = z.strictObject({
  holdMs: z.int().min(1).max(longestHoldMs).optional(),
  by: z.string().max(100).optional(),
});
const operationBody = z.strictObject({ force: z.boolean().optional(), dryRun: z.boolean().optional() });
const rolloutBody = z.strictObject({
  batch: z.int().min(1).optional(),
  canary: z.int().min(0).optional(),
  soakMs: z.int().min(0).optional(),
  maxErrorRate: z.number().min(0).max(1).optional(),
  maxP99Ratio: z.number().min(1).optional(),
  minRequests: z.int().min(0).optional(),
  only: z.array(z.string()).optional(),
  dryRun: z.boolean().optional(),
});
/** Who asks, as a client says: shown to people, so it is one short line. */
const whoPattern = /^[\x20-\x7e]{1,100}$/;
const historyLimit = z.coerce.number().int().min(1).max(1000).default(20);

/**
 * The controller's API. Operations answer with a stream of JSON lines: progress, then one line with the report.
 * An operation goes on when its client goes away. `stop` is asked to stop the whole service.
 */
export function createRoutes(controller: Controller): Hono {
  const app = new Hono();
  app.onError((error, context) => {
    const { code, message, details } = LameduckError.from(error);
    return context.json({ error: { code, message, details } }, httpStatuses[code] as ContentfulStatusCode);
  });
  app.notFound((context) => context.json(errorBody('usage', `Cannot find "${context.req.path}"`), 404));

  app.get('/v1/status', async (context) => context.json(await controller.status()));
  app.get('/metrics', async (context) => {
    return context.text(await controller.metrics.render(), 200, { 'content-type': metricsType });
  });
  app.get('/v1/history', async (context) => {
    const limit = parse(historyLimit, context.req.query('limit'), 'limit');
    return context.json(await controller.history(limit));
  });
  app.post('/v1/nodes/:node/leave', async (context) => {
    const request = parse(leaveBody, readJson(await context.req.text()), 'body');
    return streamLines((onProgress) => controller.leave(context.req.param('node'), request, onProgress));
  });
  app.post('/v1/nodes/:node/:operation', async (context) => {
    const { node, operation } = context.req.param();
    if (!kinds.includes(operation)) {
      throw new LameduckError('usage', `Cannot run "${operation}": one of ${kinds.join(', ')} is wanted`);
    }
    const kind = operation as OperationKind;
    const { dryRun, ...options } = parse(operationBody, readOptional(await context.req.text()), 'body');
    if (dryRun) return context.json(await controller.planOperation(kind, node, options));
    const by = whoAsks(context);
    return streamLines((onProgress) => controller.operate(kind, node, onProgress, { ...options, by }));
  });
  app.post('/v1/rollout', async (context) => {
    const text = await context.req.text();
    const { dryRun, ...request } = parse(rolloutBody, readOptional(text), 'body');
    if (dryRun) return context.json(await controller.planRollout(request));
    const by = whoAsks(context);
    return streamLines((onProgress) => controller.rollout({ ...request, by }, onProgress));
  });
  app.post('/v1/pause', async (context) => {
    const text = await context.req.text();
    const { by, holdMs } = parse(pauseBody, text === '' ? {} : readJson(text), 'body');
    return context.json({ paused: await controller.pause(by, holdMs) });
  });
  app.post('/v1/resume', async (context) => {
    await controller.resume();
    return context.json({});
  });
  app.get('/v1/rollout', (context) => context.json(controller.rolloutStatus() ?? null));
  app.post('/v1/rollout/pause', (context) => context.json(controller.pauseRollout(whoAsks(context))));
  app.post('/v1/rollout/resume', (context) => context.json(controller.resumeRollout(whoAsks(context))));
  app.post('/v1/rollout/abort', (context) => context.json(controller.abortRollout(whoAsks(context))));
  return app;
}

function errorBody(code: ErrorCode, message: string): { error: { code: ErrorCode; message: string } } {
  return { error: { code, message } };
}

function whoAsks(context: Context): string | undefined {
  const who = context.req.header('x-lameduck-who');
  return who !== undefined && whoPattern.test(who) ? who : undefined;
}

function readOptional(text: string): unknown {
  return text === '' ? {} : readJson(text);
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new LameduckError('usage', 'Cannot read the body: JSON is wanted', {}, error);
  }
}

function parse<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new LameduckError('usage', `Cannot read the ${what}: ${z.prettifyError(parsed.error)}`);
}

/**
 * The status line waits for the first sign of life, so that a refusal is an HTTP error; what fails later is the
 * last line of the stream.
 */
async function streamLines(
  run: (onProgress: OnProgress) => Promise<OperationReport | RolloutReport>,
): Promise<Response> {
  const encoder = new TextEncoder();
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>(undefined, undefined, {
    highWaterMark: Number.POSITIVE_INFINITY,
  });
  const writer = writable.getWriter();
  const begun = Promise.withResolvers<void>();
  const write = (line: OperationLine): void => {
    begun.resolve();
    // a client that went away stops nothing
    writer.write(encoder.encode(`${JSON.stringify(line)}\n`)).catch(() => {});
  };
  const ended = run(write).then((report) => write({ type: 'report', report }));
  ended.catch(() => {}).finally(() => writer.close().catch(() => {}));
  await Promise.race([begun.promise, ended]);
  ended.catch((error: unknown) => {
    const { code, message } = LameduckError.from(error);
    write({ type: 'error', error: { code, message } });
  });
  return new Response(readable, { headers: { 'content-type': 'application/x-ndjson' } });
}
