import type { IncomingMessage } from 'node:http';

const validHost = /^[A-Za-z0-9._~%:[\]-]+$/;

/**
 * The absolute URL of a request. Built by concatenation, not by resolving: a path such as `//other.host/x` must
 * stay a path. Throws on a Host header that is none.
 */
export function requestUrl(incoming: IncomingMessage): string {
  const url = incoming.url ?? '/';
  if (/^https?:\/\//i.test(url)) return url;
  const host = incoming.headers.host ?? incoming.headers[':authority']?.toString() ?? 'localhost';
  if (!validHost.test(host)) throw new TypeError(`Invalid Host header: ${host}`);
  const scheme = (incoming.socket as { encrypted?: boolean }).encrypted === true ? 'https' : 'http';
  return `${scheme}://${host}${url.startsWith('/') ? url : '/'}`;
}

function createHeaders(incoming: IncomingMessage): Headers {
  const headers = new Headers();
  const raw = incoming.rawHeaders;
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = raw[index] ?? '';
    // Of HTTP/2: they are the method and the URL.
    if (!name.startsWith(':')) headers.append(name, raw[index + 1] ?? '');
  }
  return headers;
}

/** The body of a request as a stream, and the end of all interest in it. */
interface IncomingBody {
  readonly stream: ReadableStream<Uint8Array>;
  /** Reads and drops the rest: unread bytes would keep the next request of the connection from being seen. */
  discard(): void;
}

/** Bytes are taken from the socket only when the handler reads, so that a slow handler slows the client down. */
function createBody(incoming: IncomingMessage): IncomingBody {
  let isOver = false;
  const discard = (): void => {
    isOver = true;
    incoming.resume();
  };

  function settle(finish: () => void): void {
    if (!isOver) finish();
    isOver = true;
  }

  function start(controller: ReadableStreamDefaultController<Uint8Array>): void {
    incoming.on('data', (chunk: Uint8Array) => {
      if (isOver) return;
      controller.enqueue(chunk);
      if ((controller.desiredSize ?? 0) <= 0) incoming.pause();
    });
    incoming.once('end', () => settle(() => controller.close()));
    incoming.once('error', (error) => settle(() => controller.error(error)));
    incoming.pause();
  }

  const pull = (): void => {
    incoming.resume();
  };
  return { stream: new ReadableStream({ start, pull, cancel: discard }, { highWaterMark: 0 }), discard };
}

/** A standard Request, and what is to be called when its answer has been written. */
export interface WebRequest {
  readonly request: Request;
  discardBody(): void;
}

/** The standard Request of a Node request. Throws a TypeError on what the standard does not allow (TRACE, bad Host). */
export function createRequest(incoming: IncomingMessage, signal: AbortSignal): WebRequest {
  const method = incoming.method ?? 'GET';
  const init: RequestInit = { method, headers: createHeaders(incoming), signal };
  const { 'content-length': length, 'transfer-encoding': coding } = incoming.headers;
  const isStreamOpen = incoming.httpVersionMajor === 2 && !incoming.readableEnded;
  const hasBody = coding !== undefined || (length === undefined ? isStreamOpen : length !== '0');
  // The standard knows no body of a GET; what a client sends with one is read and dropped by Node.
  if (!hasBody || method === 'GET' || method === 'HEAD') {
    return { request: new Request(requestUrl(incoming), init), discardBody: () => undefined };
  }
  const { stream, discard } = createBody(incoming);
  const request = new Request(requestUrl(incoming), { ...init, body: stream, duplex: 'half' });
  return { request, discardBody: discard };
}
