import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { errorFields, logError } from '../log.ts';
import { http } from '../node-http.ts';
import { requestSignal } from '../request-signal.ts';
import { createRequest, type WebRequest } from './web-request.ts';
import { writeResponse } from './web-response.ts';

/** Node's own objects, given as the second parameter, under the names that Hono's Node adapter uses. */
export interface FetchBindings {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
}

/** A function of a standard Request that gives a standard Response. */
// biome-ignore lint/suspicious/noExplicitAny: what a framework declares for its second parameter is its own affair
export type FetchHandler = (request: Request, ...rest: any[]) => unknown;

function isResponse(value: unknown): value is Response {
  if (typeof value !== 'object' || value === null) return false;
  // By shape: frameworks bring their own class.
  return 'status' in value && 'headers' in value && 'body' in value;
}

function answerPlainly(outgoing: ServerResponse, status: number): void {
  for (const name of outgoing.getHeaderNames()) outgoing.removeHeader(name);
  outgoing.statusCode = status;
  const text = http.STATUS_CODES[status] ?? '';
  // What the handler may have set; HTTP/2 knows no such text.
  if (outgoing.req.httpVersionMajor === 1) outgoing.statusMessage = text;
  outgoing.setHeader('content-type', 'text/plain');
  outgoing.end(`${text}\n`);
}

function answerFailure(thrown: unknown, outgoing: ServerResponse, signal: AbortSignal): void {
  if (signal.aborted || outgoing.destroyed) return;
  logError('A request failed', errorFields(thrown));
  // Half an answer must not look whole.
  if (outgoing.headersSent) outgoing.destroy();
  else answerPlainly(outgoing, 500);
}

async function answer(
  fetch: FetchHandler,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const signal = requestSignal(incoming);
  let web: WebRequest;
  try {
    web = createRequest(incoming, signal);
  } catch {
    answerPlainly(outgoing, 400);
    return;
  }
  try {
    const response: unknown = await fetch(web.request, { incoming, outgoing } satisfies FetchBindings);
    if (!isResponse(response)) throw new TypeError('The fetch handler gave no Response');
    await writeResponse(response, outgoing);
  } catch (thrown) {
    answerFailure(thrown, outgoing, signal);
  } finally {
    web.discardBody();
  }
}

/** A Node listener for an object with a `fetch` method, like Hono's. */
export function createFetchListener(application: { fetch: FetchHandler }): RequestListener {
  const fetch: FetchHandler = (request, bindings) => application.fetch(request, bindings);
  return (incoming, outgoing) => {
    answer(fetch, incoming, outgoing).catch((thrown: unknown) => outgoing.destroy(thrown as Error));
  };
}
