import { pick, sha256, streamHash } from '../content.ts';
import { exchange } from '../exchange.ts';
import type { Connection, Sent, Traffic } from './traffic.ts';

async function send(connection: Connection): Promise<Sent> {
  const { agent, settings } = connection;
  const { shapes } = settings;
  const chunks = pick(shapes.streamChunks);
  const bytes = pick(shapes.streamChunkBytes);
  const ms = pick(shapes.streamGapMs);
  const id = connection.begin();
  const outcome = await exchange({
    url: settings.url,
    id,
    method: 'GET',
    path: `/stream?chunks=${chunks}&bytes=${bytes}&ms=${ms}`,
    via: { agent },
    timeoutMs: settings.timeoutMs,
    askedMs: Math.max(0, chunks - 1) * ms,
    isRight: (body) => sha256(body) === streamHash(id, chunks, bytes),
  });
  return { id, method: 'GET', outcome };
}

/** Downloads that come chunk by chunk; every byte is compared with what the client computes itself. */
export const stream: Traffic = { send };
