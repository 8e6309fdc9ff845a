import { type ErrorBody, httpStatuses, LameduckError, largestPool } from '@lameduck/core';
import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { Logger } from 'pino';
import { z } from 'zod';
import type { Master } from './master.ts';
import { metricsType } from './metrics/render-metrics.ts';
import { obeySignal } from './signals.ts';

const maxBodyBytes = 16_384;
const maxLingerMs = 3_600_000;

const scaleBody = z.strictObject({ workers: z.int().min(1).max(largestPool) });
const lingerBody = z.strictObject({ ms: z.int().min(0).max(maxLingerMs).nullable() });
const stopBody = z.strictObject({ mode: z.enum(['graceful', 'quick']).default('graceful') });
const signalBody = z.strictObject({ signal: z.string() });
const reloadBody = z.strictObject({});
const upgradeBody = z.strictObject({
  environment: z.record(z.string().regex(/^[A-Za-z_]\w*$/), z.string()).default({}),
});
const lameDuckBody = z.strictObject({ isOn: z.boolean().default(true) });

/** The control API of one master: JSON in, JSON out, every error as `ErrorBody`. */
export function controlRoutes(master: Master, logger: Logger): Hono {
  const app = new Hono();
  app.use(
    bodyLimit({ maxSize: maxBodyBytes, onError: () => reject('read', 'body', 'at most 16 KiB', 'more') }),
  );
  app.get('/status', (context) => context.json(master.status()));
  app.get('/metrics', async (context) =>
    context.body(await master.metrics(), 200, { 'content-type': metricsType }),
  );
  addReplacing(app, master);
  addLeaving(app, master, logger);
  app.notFound((context) => {
    const message = `Cannot answer "${context.req.method} ${context.req.path}": a known path was wanted`;
    return answerError(context, new LameduckError('usage', message), 404);
  });
  app.onError((thrown, context) => {
    const error = LameduckError.from(thrown);
    if (error.code === 'internal') logger.error({ reason: error.message }, 'control request failed');
    return answerError(context, error);
  });
  return app;
}

/** Workers and masters that come and go while the service stays. */
function addReplacing(app: Hono, master: Master): void {
  app.post('/reload', async (context) => {
    await parse(context, 'reload', reloadBody);
    return context.json({ generation: await master.reload() });
  });
  app.post('/scale', async (context) => {
    const { workers } = await parse(context, 'scale', scaleBody);
    await master.resize(workers);
    return context.json(master.status());
  });
  app.post('/upgrade', async (context) => {
    const { environment } = await parse(context, 'upgrade', upgradeBody);
    return context.json({ pid: await master.upgrade(environment) });
  });
}

/** Ways out, and what goes before them. */
function addLeaving(app: Hono, master: Master, logger: Logger): void {
  app.post('/lame-duck', async (context) => {
    const { isOn } = await parse(context, 'lame-duck', lameDuckBody);
    master.lameDuck(isOn);
    return context.json(master.status());
  });
  app.post('/linger', async (context) => {
    const { ms } = await parse(context, 'linger', lingerBody);
    master.linger(ms);
    return context.json({ ms });
  });
  app.post('/stop', async (context) => {
    const { mode } = await parse(context, 'stop', stopBody);
    if (mode === 'graceful') master.leave();
    else master.stop(mode);
    // In the query: a master that does not know it yet obeys all the same.
    if (context.req.query('wait') === undefined) return context.json(master.status(), 202);
    return context.json({ pid: process.pid, code: await master.left });
  });
  app.post('/signal', async (context) => {
    const { signal } = await parse(context, 'signal', signalBody);
    obeySignal(master, logger, signal);
    return context.json(master.status(), 202);
  });
}

function answerError(context: Context, error: LameduckError, status?: ContentfulStatusCode): Response {
  const body: ErrorBody = { error: { code: error.code, message: error.message, details: error.details } };
  return context.json(body, status ?? (httpStatuses[error.code] as ContentfulStatusCode));
}

/** An empty body stands for `{}`. */
async function parse<Schema extends z.ZodType>(
  context: Context,
  action: string,
  schema: Schema,
): Promise<z.infer<Schema>> {
  const text = await context.req.text();
  const result = schema.safeParse(text.trim() === '' ? {} : parseJson(action, text));
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const path = issue?.path.join('.') || 'body';
  return reject(action, path, issue?.message ?? 'a valid body', text.slice(0, 80));
}

function parseJson(action: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return reject(action, 'body', 'JSON', text.slice(0, 80));
  }
}

function reject(action: string, path: string, wanted: string, got: string): never {
  throw new LameduckError('usage', `Cannot ${action} "${path}": ${wanted}: current value is ${got}`);
}
