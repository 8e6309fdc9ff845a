import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { RequestDeadlines } from './request-deadlines.ts';

/** What one request may take; 0 switches a limit off. */
export interface LimitOptions {
  /** Most time until the handler has ended its answer; event streams have none. */
  readonly requestTimeoutMs: number;
  /** Longest body in bytes: 413. */
  readonly limitRequestBody: number;
  /** Longest header in bytes: 431. Node's own limit is 16 KiB. */
  readonly limitRequestHeaderSize: number;
  /** Most header fields: 431. */
  readonly limitRequestHeaderFields: number;
}

/** A client that goes on sending a body that was refused is read for so long: a reset would destroy our answer. */
const lingerMs = 5000;

/** Guards the requests of one server. */
export interface RequestLimits {
  /** False where the request has been refused: it must not be run. */
  admit(request: IncomingMessage, response: ServerResponse): boolean;
}

/** Sets the limits that Node has itself, and gives those that it has not; undefined where all are off. */
export function limitRequests(server: Server, limits: LimitOptions): RequestLimits | undefined {
  const { requestTimeoutMs, limitRequestBody, limitRequestHeaderSize, limitRequestHeaderFields } = limits;
  if (limitRequestHeaderSize > 0) setHeaderSize(server, limitRequestHeaderSize);
  if (requestTimeoutMs + limitRequestBody + limitRequestHeaderFields === 0) return undefined;
  // Node drops what exceeds its own number in silence: one more than ours must be seen.
  const seen = server.maxHeadersCount ?? 2000;
  if (limitRequestHeaderFields >= seen) server.maxHeadersCount = limitRequestHeaderFields + 1;
  const deadlines = requestTimeoutMs > 0 ? new RequestDeadlines(requestTimeoutMs) : undefined;
  return {
    admit: (request, response) => {
      if (limitRequestHeaderFields > 0 && request.rawHeaders.length > limitRequestHeaderFields * 2)
        return refuse(request, response, 431);
      if (limitRequestBody > 0 && !admitBody(request, response, limitRequestBody)) return false;
      deadlines?.begin(request, response);
      return true;
    },
  };
}

/** Node reads the property for each new connection; it has no public setter after the server was made. */
function setHeaderSize(server: Server, bytes: number): void {
  (server as { maxHeaderSize?: number }).maxHeaderSize = bytes;
}

function admitBody(request: IncomingMessage, response: ServerResponse, most: number): boolean {
  const { 'content-length': length } = request.headers;
  if (length !== undefined) return Number(length) <= most || refuse(request, response, 413);
  if (request.headers['transfer-encoding'] !== undefined || request.httpVersionMajor === 2)
    countBody(request, response, most);
  return true;
}

/** Nobody knows the length before: what the parser hands over is counted on its way to the handler. */
function countBody(request: IncomingMessage, response: ServerResponse, most: number): void {
  const source: Duplex | IncomingMessage = (request as { stream?: Duplex }).stream ?? request;
  const push = source.push.bind(source);
  let bytes = 0;
  source.push = (chunk: Buffer | null, encoding?: BufferEncoding): boolean => {
    if (chunk === null) return bytes <= most && push(null);
    const hadEnough = bytes > most;
    bytes += chunk.length;
    if (bytes <= most) return push(chunk, encoding);
    if (!hadEnough) refuseRest(request, response);
    return true;
  };
}

/** The handler runs already: it sees its request fail, and whoever asked gets the answer, if none was begun. */
function refuseRest(request: IncomingMessage, response: ServerResponse): void {
  if (!response.headersSent) refuse(request, response, 413);
  // What the handler still writes comes too late, and is no reason for a crash.
  response.on('error', () => undefined);
  request.on('error', () => undefined);
  request.emit('error', Object.assign(new Error('The body is too long'), { code: 'ERR_BODY_TOO_LONG' }));
}

function refuse(request: IncomingMessage, response: ServerResponse, status: 413 | 431): false {
  const text = status === 413 ? 'Payload Too Large\n' : 'Request Header Fields Too Large\n';
  response.writeHead(status, { 'content-type': 'text/plain', 'content-length': text.length });
  response.end(text);
  if (request.httpVersionMajor === 2 || request.complete) return false;
  // Kept open, and read to its end by Node: closing on an upload resets the connection and destroys the answer.
  request.resume();
  const timer = setTimeout(() => request.complete || request.socket.destroy(), lingerMs);
  response.once('close', () => request.complete && clearTimeout(timer));
  request.socket.once('close', () => clearTimeout(timer));
  return false;
}
