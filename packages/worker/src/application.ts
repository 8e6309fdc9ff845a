import type { IncomingMessage, RequestListener, Server } from 'node:http';
import { createAppServer, dressServer, isHttpServer, type Protocols } from './protocols.ts';
import { createFetchListener, type FetchHandler } from './web/fetch-listener.ts';
import { WorkerError } from './worker-error.ts';

/** Structural types: no framework is imported, whatever has the shape is served. */
export interface FetchApplication {
  fetch: FetchHandler;
}
/** Fastify. */
export interface ReadyApplication {
  readonly server: unknown;
  ready(): PromiseLike<unknown>;
  inject: unknown;
  close(): PromiseLike<unknown>;
}
/** Koa. */
export interface CallbackApplication {
  callback(): (request: IncomingMessage, response: never) => unknown;
}

/**
 * What can be served: a `(request, response)` listener (Express too), an http.Server that does not listen, a Fastify
 * instance, a Koa instance, an object with `fetch` (Hono), a function of one parameter (fetch handler), or a
 * function without parameters that makes one of these.
 */
export type Application =
  | RequestListener
  | FetchHandler
  | FetchApplication
  | ReadyApplication
  | CallbackApplication
  | Server
  | (() => unknown);

/** A server that does not listen yet, and what the framework wants to be called when it is drained. */
export interface PreparedServer {
  readonly server: Server;
  readonly close?: () => unknown;
}

const wanted =
  'a (request, response) listener, a fetch handler, an http.Server that does not listen, or a Fastify, Koa or Hono application was wanted';

function unusable(name: string, got: string): WorkerError {
  return new WorkerError('entryUnusable', `Cannot serve "${name}": ${wanted}: current value is ${got}`);
}

/** What a value is, in the words of a message. */
export function describeValue(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value !== 'object') return `a ${typeof value}`;
  const name = (Object.getPrototypeOf(value) as { constructor?: { name?: string } } | null)?.constructor
    ?.name;
  const keys = Object.keys(value).slice(0, 5).join(', ');
  return `an object of ${name ?? 'no class'} with ${keys === '' ? 'no properties' : keys}`;
}

/** Has the value the shape of something that can be served? */
export function isApplication(value: unknown): boolean {
  return (
    typeof value === 'function' || isHttpServer(value) || isFetch(value) || isReady(value) || isKoa(value)
  );
}

function hasMethods(value: unknown, ...names: readonly string[]): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return names.every((name) => typeof (value as Record<string, unknown>)[name] === 'function');
}

function isFetch(value: unknown): value is FetchApplication {
  return hasMethods(value, 'fetch');
}

function isReady(value: unknown): value is ReadyApplication {
  return hasMethods(value, 'ready', 'inject', 'close') && 'server' in (value as object);
}

function isKoa(value: unknown): value is CallbackApplication {
  return hasMethods(value, 'callback', 'use');
}

function checkedServer(server: unknown, name: string, protocols: Protocols): Promise<Server> {
  if (!isHttpServer(server)) throw unusable(name, describeValue(server));
  if (server.listening) throw unusable(name, 'an http.Server that listens already');
  return dressServer(server, protocols);
}

async function prepareFunction(
  handler: (...parameters: never[]) => unknown,
  name: string,
  protocols: Protocols,
): Promise<PreparedServer> {
  if (handler.length >= 2)
    return { server: await createAppServer(handler as unknown as RequestListener, protocols) };
  if (handler.length === 1)
    return prepareServer({ fetch: handler as unknown as FetchHandler }, name, protocols);
  const made = await (handler as () => unknown)();
  if (!isApplication(made) || (typeof made === 'function' && made.length === 0)) {
    throw unusable(name, `${describeValue(made)}, made by a function without parameters`);
  }
  return prepareServer(made as Application, name, protocols);
}

/** Turns an application into a server that does not listen yet. Throws `entryUnusable`. */
export async function prepareServer(
  application: Application,
  name = 'application',
  protocols: Protocols = {},
): Promise<PreparedServer> {
  if (typeof application === 'function') return prepareFunction(application, name, protocols);
  if (isHttpServer(application)) return { server: await checkedServer(application, name, protocols) };
  if (isReady(application)) {
    await application.ready();
    const server = await checkedServer(application.server, name, protocols);
    return { server, close: () => application.close() };
  }
  if (isFetch(application))
    return { server: await createAppServer(createFetchListener(application), protocols) };
  if (isKoa(application))
    return { server: await createAppServer(application.callback() as unknown as RequestListener, protocols) };
  throw unusable(name, describeValue(application));
}
