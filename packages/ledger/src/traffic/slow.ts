import { pick } from '../content.ts';
import { exchange } from '../exchange.ts';
import { isAnswerTo } from './get.ts';
import type { Connection, Sent, Traffic } from './traffic.ts';

async function send(connection: Connection): Promise<Sent> {
  const { agent, settings } = connection;
  const id = connection.begin();
  const askedMs = pick(settings.shapes.slowMs);
  const outcome = await exchange({
    url: settings.url,
    id,
    method: 'GET',
    path: `/slow?ms=${askedMs}`,
    via: { agent },
    timeoutMs: settings.timeoutMs,
    askedMs,
    isRight: isAnswerTo(id),
  });
  return { id, method: 'GET', outcome };
}

/** GETs whose answer the server is asked to hold back: they are in flight when a node is told to leave. */
export const slow: Traffic = { send };
