import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { type ServerLedger, serverLedger } from '../src/server-ledger.ts';

/** One request as the planted faults see it. */
export interface Arrival {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Number of the request, from 1, over all connections. */
  readonly number: number;
  /** Number of the request on its connection, from 1. */
  readonly onConnection: number;
  readonly id: string;
}

/** Plants a fault: true if it has dealt with the request. */
export type Fault = (arrival: Arrival, ledger: ServerLedger) => boolean;

/** A server with the endpoints of the example applications. */
export interface TestServer {
  readonly url: string;
  readonly server: Server;
  /** Requests that arrived. */
  readonly arrivals: () => number;
  readonly close: () => Promise<void>;
}

function answer(response: ServerResponse, body: object): void {
  const text = JSON.stringify(body);
  response.writeHead(200, { 'content-length': Buffer.byteLength(text) });
  response.end(text);
}

async function echo({ request, response, id }: Arrival): Promise<void> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of request) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  answer(response, { id, sha256: hash.digest('hex'), bytes });
}

async function stream({ response, id }: Arrival, query: URLSearchParams): Promise<void> {
  const bytes = Number(query.get('bytes'));
  for (let index = 0; index < Number(query.get('chunks')); index += 1) {
    if (index > 0) await wait(Number(query.get('ms')));
    response.write(Buffer.alloc(bytes, `${id}:${index}\n`));
  }
  response.end();
}

async function serve(arrival: Arrival, url: URL): Promise<void> {
  const { response, id } = arrival;
  if (url.pathname === '/slow') await wait(Number(url.searchParams.get('ms')));
  if (url.pathname === '/stream') await stream(arrival, url.searchParams);
  else if (url.pathname === '/echo' || url.pathname === '/upload') await echo(arrival);
  else answer(response, { id });
}

/** Starts the server on a free port; what `fault` deals with is not served otherwise. */
export async function startServer(fault: Fault = () => false, ledgerDir = ''): Promise<TestServer> {
  const ledger = serverLedger({ dir: ledgerDir, node: 'test' });
  const perConnection = new WeakMap<Socket, number>();
  let number = 0;
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    const id = url.searchParams.get('id') ?? '';
    const onConnection = (perConnection.get(request.socket) ?? 0) + 1;
    perConnection.set(request.socket, onConnection);
    number += 1;
    const arrival = { request, response, number, onConnection, id };
    ledger.track(id, response);
    if (!fault(arrival, ledger)) serve(arrival, url).catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    server,
    arrivals: () => number,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      ledger.close();
    },
  };
}
