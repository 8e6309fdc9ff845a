// The bare bones of a WebSocket server: enough to see what becomes of upgraded sockets.
import { createServer, type Server } from 'node:http';
import { counts, drainSignal } from '../../src/index.ts';

export const app: Server = createServer((_request, response) => response.end(JSON.stringify(counts())));
app.on('upgrade', (request, socket) => {
  socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n');
  socket.on('error', () => undefined);
  if (request.url === '/stubborn') return;
  // Close frame with status 1001, going away.
  drainSignal.addEventListener('abort', () => socket.end(Buffer.from([0x88, 0x02, 0x03, 0xe9])));
});
