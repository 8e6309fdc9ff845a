import { EventEmitter } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';

export type Emit = (this: unknown, event: string | symbol, ...args: unknown[]) => boolean;
export type PassOn = (event: string, request: IncomingMessage, response: ServerResponse) => boolean;
type Listener = (this: Server, request: IncomingMessage, response: ServerResponse) => void;

/** As it was before any application could replace it. */
const plainEmit = EventEmitter.prototype.emit as Emit;

/**
 * Gives requests to whatever listens on the server. Nearly always that is one function, which is called without what
 * `emit` does for any number of arguments and listeners: 1 % of all that `node:http` executes for a request. Where
 * somebody watches `emit` (agents that trace), or wants more of it (domains, captured rejections), it is called as ever.
 */
export function passOn(server: Server): PassOn {
  const emit = server.emit as Emit;
  if (emit !== plainEmit || wantsMoreOfEmit()) return (...args) => emit.call(server, ...args);
  const own = server as { _events?: { readonly request?: unknown } };
  return (event, request, response) => {
    // A function where only one listens, a list of them where there are more; looked at anew, as listeners come and go.
    const only = own._events?.request;
    if (event !== 'request' || typeof only !== 'function') return emit.call(server, event, request, response);
    (only as Listener).call(server, request, response);
    return true;
  };
}

function wantsMoreOfEmit(): boolean {
  const { usingDomains } = EventEmitter as { usingDomains?: boolean };
  return usingDomains === true || EventEmitter.captureRejections;
}
