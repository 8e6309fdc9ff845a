// A node:http listener with one route for each situation of a drain. Imports the sources, while main.js runs from dist:
// two copies of the module in one process, as in production.
import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { counts, drainSignal, requestSignal } from '../../src/index.ts';

const big = Buffer.alloc(20 * 1024 * 1024, 'x');

type Route = (request: IncomingMessage, response: ServerResponse, query: URLSearchParams) => void;

const routes: Record<string, Route> = {
  '/hello': (_request, response) => response.end('hello'),
  '/slow': (_request, response, query) => {
    process.stderr.write('slow began\n');
    setTimeout(() => response.end('slow but whole'), Number(query.get('ms')));
  },
  '/never': (request) => {
    process.stderr.write('never began\n');
    requestSignal(request).addEventListener('abort', () => process.stderr.write('never saw its signal\n'));
  },
  '/big': (_request, response) => {
    response.end(big);
    process.stderr.write('big began\n');
  },
  '/upload': (request, response) => {
    const hash = createHash('sha256');
    let bytes = 0;
    process.stderr.write('upload began\n');
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      hash.update(chunk);
    });
    request.on('end', () => response.end(`${bytes} ${hash.digest('hex')}`));
  },
  '/early': (_request, response) => {
    process.stderr.write('early began\n');
    setTimeout(() => response.writeHead(401).end('who are you'), 300);
  },
  '/sse': (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('data: first\n\n');
    drainSignal.addEventListener('abort', () => response.end('data: goodbye\n\n'));
  },
  '/stream': (_request, response, query) => {
    let left = Number(query.get('n'));
    process.stderr.write('stream began\n');
    const timer = setInterval(() => {
      response.write(`chunk ${left}\n`);
      left -= 1;
      if (left > 0) return;
      clearInterval(timer);
      response.end('last\n');
    }, 100);
  },
  '/counts': (_request, response) => response.end(JSON.stringify(counts())),
  '/block': (_request, response, query) => {
    const end = Date.now() + Number(query.get('ms'));
    while (Date.now() < end);
    response.end('blocked');
  },
};

export default function listener(request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? '/', 'http://test');
  const route = routes[url.pathname];
  if (route === undefined) response.writeHead(404).end('no such route');
  else route(request, response, url.searchParams);
}

export function startup(): void {
  process.stderr.write('startup ran\n');
}

export async function shutdown(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 50));
  process.stderr.write('shutdown ran\n');
}
