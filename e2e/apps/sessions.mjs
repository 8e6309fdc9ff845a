// Serves what stays open: `/events?ms=N` streams events for N ms, an upgrade is a WebSocket that only listens.
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';

const server = createServer((request, response) => {
  const url = new URL(request.url, 'http://localhost');
  if (url.pathname !== '/events') return response.end('hello\n');
  response.setHeader('content-type', 'text/event-stream');
  response.setHeader('x-accel-buffering', 'no');
  response.write('data: begin\n\n');
  const ticking = setInterval(() => response.write('data: tick\n\n'), 100);
  const ending = setTimeout(() => response.end('data: end\n\n'), Number(url.searchParams.get('ms')));
  response.once('close', () => {
    clearInterval(ticking);
    clearTimeout(ending);
  });
});

server.on('upgrade', (request, socket) => {
  const key = `${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
  const accept = createHash('sha1').update(key).digest('base64');
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  socket.on('error', () => {});
  // the answer to our close frame ends it
  socket.on('data', () => socket.end());
});

export default server;
