import type { ClientRequest } from 'node:http';
import { pick, randomBody, sha256 } from '../content.ts';
import { exchange } from '../exchange.ts';
import { isEchoOf } from './post.ts';
import type { Connection, Sent, Traffic } from './traffic.ts';

/** The largest pause between two pieces. */
const gapMs = 100;

/** Writes the pieces evenly over `durationMs`; gives up as soon as the request is closed. */
function writeSlowly(request: ClientRequest, pieces: readonly Buffer[], durationMs: number): void {
  const everyMs = durationMs / pieces.length;
  let next = 0;
  const timer = setInterval(() => {
    const piece = pieces[next];
    next += 1;
    if (request.destroyed || piece === undefined) return;
    request.write(piece);
    if (next === pieces.length) request.end();
  }, everyMs);
  request.once('close', () => clearInterval(timer));
  request.once('finish', () => clearInterval(timer));
}

async function send(connection: Connection): Promise<Sent> {
  const { agent, settings } = connection;
  const durationMs = pick(settings.shapes.uploadMs);
  const body = randomBody(pick(settings.shapes.uploadBytes));
  const count = Math.max(2, Math.ceil(durationMs / gapMs));
  const size = Math.ceil(body.length / count);
  const pieces = Array.from({ length: count }, (_, index) => body.subarray(index * size, (index + 1) * size));
  const id = connection.begin();
  const outcome = await exchange({
    url: settings.url,
    id,
    method: 'POST',
    path: '/upload',
    via: { agent },
    timeoutMs: settings.timeoutMs,
    body: (request) => {
      request.flushHeaders(); // the server is to start on it now, not at the first piece
      writeSlowly(request, pieces, durationMs);
    },
    isRight: isEchoOf(id, sha256(body), body.length),
  });
  return { id, method: 'POST', outcome };
}

/** Chunked uploads that last seconds: their handler is at work long before the body is there. */
export const upload: Traffic = { send };
