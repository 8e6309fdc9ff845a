import type { Server as NetServer, Socket } from 'node:net';

// By shape: `node:tls` is loaded only where somebody uses it, which is not in most workers.

/** Is it a server of node:tls, node:https or node:http2 with TLS? */
export function isTlsServer(server: NetServer): boolean {
  return typeof (server as { setSecureContext?: unknown }).setSecureContext === 'function';
}

/** Does the socket speak TLS? */
export function isTlsSocket(socket: Socket): boolean {
  return (socket as { encrypted?: unknown }).encrypted === true;
}
