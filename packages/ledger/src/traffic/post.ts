import { pick, randomBody, readJson, sha256 } from '../content.ts';
import { exchange } from '../exchange.ts';
import type { Range } from '../options.ts';
import type { Connection, Sent, Traffic } from './traffic.ts';

/** Whether the server says that it read exactly this body, for exactly this request. */
export function isEchoOf(id: string, hash: string, bytes: number): (body: Buffer) => boolean {
  return (body) => {
    const echo = readJson(body);
    return echo?.id === id && echo.sha256 === hash && echo.bytes === bytes;
  };
}

async function sendPost(connection: Connection, size: Range): Promise<Sent> {
  const { agent, settings } = connection;
  const body = randomBody(pick(size));
  const id = connection.begin();
  const outcome = await exchange({
    url: settings.url,
    id,
    method: 'POST',
    path: '/echo',
    via: { agent },
    timeoutMs: settings.timeoutMs,
    body,
    isRight: isEchoOf(id, sha256(body), body.length),
  });
  return { id, method: 'POST', outcome };
}

/** POSTs of one size whose hash the server sends back: no proxy may send them twice. */
export const post: Traffic = {
  send: (connection) => {
    const { postBytes } = connection.settings.shapes;
    return sendPost(connection, [postBytes, postBytes]);
  },
};

/** POSTs of all sizes, from empty to larger than a proxy's buffers. */
export const postRandom: Traffic = {
  send: (connection) => sendPost(connection, connection.settings.shapes.postRandomBytes),
};
