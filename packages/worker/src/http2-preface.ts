import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/** The first bytes of HTTP/2 (RFC 9113 3.4); no method of HTTP/1 begins with them. */
const preface = 'PRI';

/**
 * Makes an HTTP/1 server accept HTTP/2 with prior knowledge on the same port: the first bytes of each connection
 * tell. One that sends nothing yet is a connection like any other.
 */
export async function acceptHttp2(server: Server): Promise<Server> {
  const { createServer } = await import('node:http2');
  const http2 = createServer();
  // What is listened to on the one server is all that happens on both. Streams are told before their requests.
  http2.on('session', (session) => server.emit('session', session));
  http2.on('stream', (...args) => server.emit('stream', ...args));
  http2.on('request', (request, response) => server.emit('request', request as never, response as never));
  const [acceptHttp1] = server.listeners('connection') as ((this: Server, socket: Socket) => void)[];
  server.removeAllListeners('connection');

  function decide(this: Socket): void {
    this.removeListener('error', destroy);
    const chunk = this.read() as Buffer | null;
    if (chunk !== null) this.unshift(chunk);
    if (chunk?.toString('latin1', 0, preface.length) === preface) http2.emit('connection', this);
    else acceptHttp1?.call(server, this);
  }
  server.on('connection', (socket: Socket) => {
    socket.on('error', destroy);
    socket.once('readable', decide);
  });
  return server;
}

function destroy(this: Socket): void {
  this.destroy();
}
