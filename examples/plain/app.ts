// No framework: the default export is an ordinary request listener.
// `lameduck run app.ts` serves it; `node app.ts` serves it alone, on HOST and PORT.
import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as wait } from 'node:timers/promises';
import { serverLedger } from '@lameduck/ledger/server';

const ledger = serverLedger();

/** One request: the id that its client gave it, its query, its two streams. */
interface Exchange {
  readonly id: string;
  readonly query: URLSearchParams;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

const signature = (id: string): object => ({ id, node: ledger.node, pid: process.pid });

function answerJson(response: ServerResponse, body: object, status = 200): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
  });
  response.end(text);
}

/** A whole number from the query, between 0 and `most`. */
function readNumber(query: URLSearchParams, name: string, fallback: number, most: number): number {
  const value = Number(query.get(name) ?? fallback);
  return Number.isSafeInteger(value) ? Math.min(most, Math.max(0, value)) : fallback;
}

async function hashBody({ id, request, response }: Exchange): Promise<void> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of request) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  answerJson(response, { ...signature(id), sha256: hash.digest('hex'), bytes });
}

async function* streamChunks({ id, query }: Exchange): AsyncGenerator<Buffer> {
  const chunks = readNumber(query, 'chunks', 10, 10_000);
  const bytes = readNumber(query, 'bytes', 1024, 1_048_576);
  const ms = readNumber(query, 'ms', 0, 600_000);
  for (let index = 0; index < chunks; index += 1) {
    if (index > 0) await wait(ms);
    yield Buffer.alloc(bytes, `${id}:${index}\n`);
  }
}

async function stream(exchange: Exchange): Promise<void> {
  exchange.response.setHeader('content-type', 'application/octet-stream');
  await pipeline(Readable.from(streamChunks(exchange), { objectMode: false }), exchange.response);
}

async function slow({ id, query, response }: Exchange): Promise<void> {
  await wait(readNumber(query, 'ms', 0, 600_000));
  answerJson(response, signature(id));
}

const routes: Readonly<Record<string, (exchange: Exchange) => void | Promise<void>>> = {
  'GET /healthz': ({ response }) => answerJson(response, { ok: true }),
  'GET /fast': ({ id, response }) => answerJson(response, signature(id)),
  'GET /slow': slow,
  'POST /echo': hashBody,
  'POST /upload': hashBody,
  'GET /stream': stream,
};

async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = URL.parse(request.url ?? '/', 'http://localhost');
  const query = url?.searchParams ?? new URLSearchParams();
  const route = routes[`${request.method} ${url?.pathname}`];
  const id = query.get('id') ?? '';
  ledger.track(id, response);
  if (route === undefined) answerJson(response, { error: 'not found' }, 404);
  else await route({ id, query, request, response });
}

/** The application. */
export default function app(request: IncomingMessage, response: ServerResponse): void {
  // what fails here is the client's connection: nothing is left to answer on
  handle(request, response).catch(() => response.destroy());
}

if (import.meta.main) {
  // Not imported: an ES import of node:http loads Node's whole HTTP client, too, at each start of a worker.
  const { createServer } = process.getBuiltinModule('node:http');
  createServer(app).listen(Number(process.env.PORT ?? 8001), process.env.HOST ?? '127.0.0.1');
}
