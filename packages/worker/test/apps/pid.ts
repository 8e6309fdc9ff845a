// Says which process answered. SHORT_DEADLINES=1: what is handed over must not fall under its header deadlines; to
// Node a new connection without a byte is late as well, however long the test takes to start another worker.
import { createServer, type Server } from 'node:http';

const isShort = process.env.SHORT_DEADLINES === '1';
const deadlines = isShort
  ? { headersTimeout: 600, requestTimeout: 1200, connectionsCheckingInterval: 100 }
  : {};

export const app: Server = createServer(deadlines, (request, response) => {
  const url = new URL(request.url ?? '/', 'http://test');
  let bytes = 0;
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
  });
  request.on('end', () => {
    const answer = (): void => void response.end(`<${process.pid} ${url.pathname} ${bytes}>`);
    process.stderr.write(`began ${url.pathname}\n`);
    setTimeout(answer, Number(url.searchParams.get('ms') ?? 0));
  });
});
