import { z } from '@hono/zod-openapi';
import {
  apiHeader,
  apiRevision,
  httpStatuses,
  LameduckError,
  roleHeader,
  versionHeader,
} from '@lameduck/core';
import { Hono } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { Controller } from '../controller.ts';
import { metricsType } from '../metrics/page.ts';
import { parseJson, readBody } from './body.ts';
import { type ApiContext, type ApiEnv, claimHeader, expiresHeader, unixCaller } from './caller.ts';
import { describeApi } from './describe.ts';
import type { ApiOptions, ApiParts } from './options.ts';
import { Performer } from './perform.ts';
import { type ApiRoute, refuseRole } from './route.ts';
import { actRoutes } from './routes/act-routes.ts';
import { addPageRoutes } from './routes/page-routes.ts';
import { notFound, readRoutes } from './routes/read-routes.ts';
import { streamRoutes } from './routes/stream-routes.ts';
import { addressOf, refuseCrossSite, refuseForeignHost, tcpCaller } from './tcp-door.ts';

/**
 * The controller's API. Operations answer with a stream of JSON lines: progress, then one line with the report.
 * An operation goes on when its client goes away.
 */
export function createRoutes(controller: Controller, options: ApiOptions = {}): Hono<ApiEnv> {
  const { traffic = controller.traffic, metrics = () => controller.metrics.render() } = options;
  const parts = { ...options, traffic, metrics, controller };
  const app = new Hono<ApiEnv>();
  const performer = new Performer(controller.audit, () => performance.now());
  controller.events.addFeed((bus) => traffic.subscribe((sample) => bus.publish('traffic', sample)));
  app.onError((error, context) => answerError(error, context));
  app.notFound((context) =>
    answerError(notFound(`"${context.req.path}"`, 'a path of the API is wanted'), context),
  );
  app.use(async (context, next) => {
    context.header(apiHeader, String(apiRevision));
    if (options.version !== undefined) context.header(versionHeader, options.version);
    const { door } = context.env;
    if (door?.kind === 'tcp') refuseForeignHost(door, context.req.header('host'));
    await next();
  });
  for (const path of ['/v1/*', '/metrics']) {
    app.use(path, async (context, next) => {
      await admit(context, performer);
      context.header(roleHeader, context.var.caller.role);
      await next();
    });
  }
  for (const route of apiRoutes(parts, performer)) addRoute(app, route, performer);
  addPages(app, options.console);
  return app;
}

/** Every route, with those that describe the API and tell its numbers. */
export function apiRoutes(parts: ApiParts, performer: Performer): readonly ApiRoute[] {
  const routes = [
    ...readRoutes(parts),
    ...actRoutes(parts, performer),
    ...streamRoutes(parts),
    metricsRoute(parts),
  ];
  let document: object | undefined;
  const description: ApiRoute = {
    ...{ method: 'get', path: '/v1/openapi.json', role: 'viewer', errors: [] },
    summary: 'this description',
    answer: {
      type: 'application/json',
      schema: z.record(z.string(), z.unknown()),
      description: 'OpenAPI 3.1',
    },
    handle: ({ context }) => {
      document ??= describeApi([...routes, description]);
      return context.json(document);
    },
  };
  return [...routes, description];
}

/** The description of the API without anybody who answers it. */
export function openApiDocument(): object {
  const nobody = {} as Controller;
  return describeApi(apiRoutes({ controller: nobody } as ApiParts, {} as Performer));
}

function metricsRoute({ metrics }: ApiParts): ApiRoute {
  return {
    ...{ method: 'get', path: '/metrics', role: 'viewer', errors: [] },
    summary: 'numbers for Prometheus',
    answer: { type: 'text/plain', schema: z.string(), description: 'the text format of Prometheus' },
    handle: async ({ context }) => context.body(await metrics(), 200, { 'content-type': metricsType }),
  };
}

/** Who asks, and whether he may ask at all. What is refused here is audited, but for those who ask too often. */
async function admit(context: ApiContext, performer: Performer): Promise<void> {
  context.header('cache-control', 'no-store');
  context.header('x-content-type-options', 'nosniff');
  const { door } = context.env;
  if (door === undefined)
    throw new LameduckError('unauthorized', 'Cannot answer: a known listener is wanted');
  refuseOtherRevision(context.req.header(apiHeader));
  if (door.kind === 'unix') refuseExpired(context.req.header(expiresHeader));
  if (door.kind === 'unix') return context.set('caller', unixCaller(context.req.header(claimHeader)));
  try {
    const { origin, host, 'sec-fetch-site': site } = context.req.header();
    refuseCrossSite(origin, site, host);
    context.set('caller', tcpCaller(door, context));
  } catch (thrown) {
    const { code, message } = LameduckError.from(thrown);
    const caller = { who: 'anonymous', by: 'anonymous', role: 'none', from: addressOf(context) } as const;
    if (code !== 'tooMany') await performer.refuse({ caller }, actOf(context), message);
    throw thrown;
  }
}

/** A command that came while the daemon was frozen, and whose sender has given up. Throws `deadlinePassed`. */
function refuseExpired(expires: string | undefined): void {
  if (expires === undefined || !(Date.now() > Number(expires))) return;
  throw new LameduckError(
    'deadlinePassed',
    'Cannot begin a command that its sender has given up: it must be read before it expires',
  );
}

/** Throws `apiMismatch`. */
function refuseOtherRevision(told: string | undefined): void {
  if (told === undefined || told === String(apiRevision)) return;
  const message = `Cannot answer a client of API revision "${told.slice(0, 20)}": ${apiRevision} is wanted: update whichever is older`;
  throw new LameduckError('apiMismatch', message, { wanted: apiRevision });
}

function addRoute(app: Hono<ApiEnv>, route: ApiRoute, performer: Performer): void {
  const path = route.path.replace(/\{(\w+)\}/g, ':$1');
  app.on(route.method, path, async (context) => {
    const caller = context.get('caller');
    try {
      refuseRole(caller, route.role);
      return await ask(route, context);
    } catch (thrown) {
      await noteRefusal(thrown, route, context, performer);
      throw thrown;
    }
  });
}

async function ask(route: ApiRoute, context: ApiContext): Promise<Response> {
  const bodyText = route.method === 'post' ? await readBody(context) : '';
  return await route.handle({
    params: parse(route.params, context.req.param(), 'path') as Record<string, string>,
    query: parse(route.query, context.req.query(), 'query') as Record<string, unknown>,
    body: route.body === undefined ? undefined : parse(route.body, parseJson(bodyText), 'body'),
    caller: context.get('caller'),
    context,
    bodyText,
  });
}

/** What came to a performer is audited there; here is what did not come so far. */
async function noteRefusal(
  thrown: unknown,
  route: ApiRoute,
  context: ApiContext,
  performer: Performer,
): Promise<void> {
  const { code, message } = LameduckError.from(thrown);
  const isBeforeIt = code === 'forbidden' || (route.method === 'post' && isMalformed(thrown));
  if (!isBeforeIt) return;
  const { action, subject } = route.act?.(context.req.param()) ?? actOf(context);
  // what has not been checked may be of any length
  const act = { action: action.slice(0, 200), subject: subject.slice(0, 200) };
  await performer.refuse({ caller: context.get('caller') }, act, message);
}

function isMalformed(thrown: unknown): boolean {
  const { code, details } = LameduckError.from(thrown);
  return code === 'tooLarge' || code === 'conflict' || details['isMalformed'] === true;
}

function actOf({ req }: ApiContext): { action: string; subject: string } {
  return { action: `${req.method} ${req.path.slice(0, 200)}`, subject: 'service' };
}

/** Throws `usage`. */
function parse(schema: z.ZodType | undefined, value: unknown, what: string): unknown {
  if (schema === undefined) return {};
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new LameduckError('usage', `Cannot read the ${what}: ${z.prettifyError(parsed.error)}`, {
    isMalformed: true,
  });
}

function answerError(thrown: unknown, context: ApiContext): Response {
  const { code, message, details } = LameduckError.from(thrown);
  const status = details['isMissing'] === true ? 404 : httpStatuses[code];
  return context.json({ error: { code, message, details } }, status as ContentfulStatusCode);
}

/** The console is for browsers, which do not come through a unix socket. */
function addPages(app: Hono<ApiEnv>, folder: string | undefined): void {
  app.use(async (context, next) => {
    const isPage = context.env.door?.kind === 'tcp' && !context.req.path.startsWith('/v1/');
    if (!isPage) throw notFound(`"${context.req.path}"`, 'a path of the API is wanted');
    await next();
  });
  addPageRoutes(app, folder);
}
