import type { ServerResponse } from 'node:http';

/** One result of a reader. */
type Read = Awaited<ReturnType<ReadableStreamDefaultReader<Uint8Array>['read']>>;

function writeHead(response: Response, outgoing: ServerResponse): void {
  outgoing.statusCode = response.status;
  // HTTP/2 knows no such text.
  if (response.statusText !== '' && outgoing.req.httpVersionMajor === 1)
    outgoing.statusMessage = response.statusText;
  const cookies = response.headers.getSetCookie();
  for (const [name, value] of response.headers) {
    if (name !== 'set-cookie') outgoing.setHeader(name, value);
  }
  // One line for each cookie: joined ones cannot be taken apart again.
  if (cookies.length > 0) outgoing.setHeader('set-cookie', cookies);
}

/** Has the promise settled when everything that is ready to run has run? */
function settlesSoon(promise: Promise<unknown>): Promise<boolean> {
  const isSettled = promise.then(() => true);
  return Promise.race([isSettled, new Promise<false>((resolve) => process.nextTick(resolve, false))]);
}

function drained(outgoing: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      outgoing.removeListener('drain', done);
      outgoing.removeListener('close', done);
      resolve();
    };
    outgoing.on('drain', done);
    outgoing.on('close', done);
  });
}

async function writeRest(
  first: Read,
  next: Promise<Read>,
  read: () => Promise<Read>,
  outgoing: ServerResponse,
): Promise<void> {
  let current = first;
  let following = next;
  while (!current.done) {
    if (outgoing.destroyed) return;
    if (!outgoing.write(current.value)) await drained(outgoing);
    current = await following;
    if (!current.done) following = read();
  }
  outgoing.end();
}

async function writeBody(body: ReadableStream<Uint8Array>, outgoing: ServerResponse): Promise<void> {
  const reader = body.getReader();
  const read = (): Promise<Read> => reader.read();
  // The client has gone, or all is written; cancelling a stream that has ended does nothing.
  outgoing.once('close', () => {
    reader.cancel().catch(() => undefined);
  });
  const reading = read();
  // A stream that has nothing to say yet (server-sent events) still shows its header at once.
  if (!(await settlesSoon(reading))) outgoing.flushHeaders();
  const first = await reading;
  if (first.done) {
    outgoing.end();
    return;
  }
  const next = read();
  // One chunk and no more: `end` with it lets Node write Content-Length.
  if ((await settlesSoon(next)) && (await next).done) outgoing.end(first.value);
  else await writeRest(first, next, read, outgoing);
}

/** Writes a standard Response; resolves when its last byte was given to Node or the client has gone. */
export async function writeResponse(response: Response, outgoing: ServerResponse): Promise<void> {
  writeHead(response, outgoing);
  const { body, status } = response;
  if (body === null || outgoing.req.method === 'HEAD' || status === 204 || status === 304) {
    outgoing.end();
    await body?.cancel();
    return;
  }
  await writeBody(body, outgoing);
}
