import { readJson } from '../content.ts';
import { exchange } from '../exchange.ts';
import type { Connection, Sent, Traffic } from './traffic.ts';

/** Whether the answer is the JSON object that belongs to this request. */
export function isAnswerTo(id: string): (body: Buffer) => boolean {
  return (body) => readJson(body)?.id === id;
}

async function sendGet(connection: Connection): Promise<Sent> {
  const { agent, settings } = connection;
  const id = connection.begin();
  const { url, timeoutMs } = settings;
  const outcome = await exchange({
    url,
    id,
    method: 'GET',
    path: '/fast',
    via: { agent },
    timeoutMs,
    isRight: isAnswerTo(id),
  });
  return { id, method: 'GET', outcome };
}

/** GETs one after another on a connection that is kept alive. */
export const get: Traffic = { send: sendGet };

/** The same with a new connection for each request. */
export const fresh: Traffic = { send: sendGet, isFresh: true };
