import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/** Idle connections are closed this much later than is announced, as by Node. */
const keepAliveBufferMs = 1000;

/**
 * Serves on a connection that a sibling has handed over. It stands aside until its next request begins: to Node's
 * server it would be a new client that owes a header within `headersTimeout`, not an idle one. Its keep-alive time
 * starts anew. Nothing is read before this call.
 */
export function serveAdopted(server: Server, socket: Socket, keepAliveMs: number): void {
  const ignore = (): void => undefined;
  const close = (): void => void socket.destroy();

  function promote(chunk: Buffer): void {
    socket.removeListener('error', ignore);
    socket.removeListener('end', close);
    socket.removeListener('timeout', close);
    socket.setTimeout(0);
    // Paused meanwhile: a stream that flows would not look again at what is put back.
    socket.pause();
    socket.unshift(chunk);
    server.emit('connection', socket);
    socket.resume();
  }

  socket.on('error', ignore);
  socket.on('end', close);
  socket.on('timeout', close);
  if (keepAliveMs > 0) socket.setTimeout(keepAliveMs + keepAliveBufferMs);
  socket.once('data', promote);
}
