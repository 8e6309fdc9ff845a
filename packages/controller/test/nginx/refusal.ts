import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';

export interface Refused {
  readonly status: number | undefined;
  readonly retryAfter: string | undefined;
}

/** One request on a connection of its own; the status and when to come again. */
export async function refusal(port: number, path: string, method = 'GET', body = ''): Promise<Refused> {
  const outgoing = request({ host: '127.0.0.1', port, path, method, agent: false });
  const [answer] = (await once(outgoing.end(body), 'response')) as [IncomingMessage];
  answer.resume();
  await once(answer, 'end');
  return { status: answer.statusCode, retryAfter: answer.headers['retry-after'] };
}
