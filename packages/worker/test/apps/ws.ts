// The `ws` library, with compression, and an application that does nothing about the drain.
import { createServer, type Server } from 'node:http';
import { WebSocketServer } from 'ws';
import { counts } from '../../src/index.ts';

export const app: Server = createServer((_request, response) => response.end(JSON.stringify(counts())));
const sockets = new WebSocketServer({ server: app, perMessageDeflate: { threshold: 0 } });
const text = 'news '.repeat(2000);

process.on('message', (message) => {
  if (message !== 'publish') return;
  // Compressed one by one in the thread pool: most of it is still queued when the signal arrives.
  for (const socket of sockets.clients) for (let n = 1; n <= 10; n += 1) socket.send(`${n} ${text}`);
  process.kill(process.pid, 'SIGTERM');
});
