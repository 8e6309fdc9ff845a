import { readFile } from 'node:fs/promises';
import type { RequestListener, Server, ServerOptions } from 'node:http';
import { Server as NetServer } from 'node:net';
import { acceptHttp2 } from './http2-preface.ts';
import { http } from './node-http.ts';
import { isTlsServer } from './secure.ts';
import { describeThrown, WorkerError } from './worker-error.ts';

/** What a server speaks beside HTTP/1.1. */
export interface Protocols {
  /** PEM files; both or none. The chain may follow the certificate. */
  readonly certfile?: string;
  readonly keyfile?: string;
  /** HTTP/2 beside HTTP/1.1: by ALPN with TLS, else with prior knowledge (h2c). */
  readonly http2?: boolean;
}

// requestTimeout 0: an upload may be slow for hours; headersTimeout stays at Node's 60 s, checked each 5 s.
const options: ServerOptions = { requestTimeout: 0, connectionsCheckingInterval: 5000 };

/** Is it a server of node:http, node:https or node:http2, whichever copy of Node's types it has? */
export function isHttpServer(value: unknown): value is Server {
  if (value instanceof http.Server) return true;
  if (!(value instanceof NetServer)) return false;
  // The classes of node:http2 are not exported, and https.Server is a tls.Server.
  const { updateSettings } = value as { updateSettings?: unknown };
  return typeof updateSettings === 'function' || (isTlsServer(value) && 'maxHeadersCount' in value);
}

/** A server that does not listen, for one listener. Throws `usage` for files that cannot be used. */
export async function createAppServer(listener: RequestListener, protocols: Protocols): Promise<Server> {
  const { certfile, http2 = false } = protocols;
  if (certfile === undefined) {
    const server = http.createServer(options, listener);
    return http2 ? acceptHttp2(server) : server;
  }
  try {
    const secure = { ...options, ...(await readKeys(protocols)) };
    if (!http2) return (await import('node:https')).createServer(secure, listener);
    // Node gives HTTP/1 listeners HTTP/2 requests of the same shape.
    type Create = (options: object, listener: RequestListener) => unknown;
    const createSecureServer = (await import('node:http2')).createSecureServer as unknown as Create;
    return createSecureServer({ ...secure, allowHTTP1: true }, listener) as Server;
  } catch (thrown) {
    if (thrown instanceof WorkerError) throw thrown;
    const wanted = 'a certificate and its key, in PEM, were wanted';
    throw new WorkerError(
      'usage',
      `Cannot use certfile "${certfile}": ${wanted}: current value is ${describeThrown(thrown)}`,
      thrown,
    );
  }
}

/**
 * A server that the application has made: as it is, or behind one that speaks what was asked for and hands each
 * request on to it. Throws `usage` where it brings TLS or HTTP/2 itself.
 */
export async function dressServer(server: Server, protocols: Protocols): Promise<Server> {
  if (protocols.certfile === undefined && protocols.http2 !== true) return server;
  if (!(server instanceof http.Server)) {
    const wanted = 'an application that does not bring its own TLS or HTTP/2 was wanted';
    throw new WorkerError(
      'usage',
      `Cannot use certfile or http2: ${wanted}: current value is a ${(server as object).constructor.name}`,
    );
  }
  const outer = await createAppServer(
    (request, response) => void server.emit('request', request, response),
    protocols,
  );
  // Node has a default of its own for each of these, which it uses where nobody listens.
  for (const event of ['upgrade', 'connect', 'checkContinue', 'checkExpectation', 'clientError'] as const)
    if (server.listenerCount(event) > 0) outer.on(event, (...args) => void server.emit(event, ...args));
  return outer;
}

async function readKeys({ certfile, keyfile }: Protocols): Promise<{ cert: Buffer; key: Buffer }> {
  const read = async (name: string, path: string | undefined): Promise<Buffer> => {
    try {
      return await readFile(path ?? '');
    } catch (thrown) {
      const wanted = 'a PEM file that can be read was wanted';
      const got = path === undefined ? 'none' : ((thrown as NodeJS.ErrnoException).code ?? 'unreadable');
      throw new WorkerError(
        'usage',
        `Cannot read ${name} "${path ?? ''}": ${wanted}: current value is ${got}`,
        thrown,
      );
    }
  };
  return { cert: await read('certfile', certfile), key: await read('keyfile', keyfile) };
}
