import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { LameduckError } from '@lameduck/core';

/** One request to a control socket; resolves with the parsed answer. Rejects on any status but 2xx. */
export async function askControl(
  socketPath: string,
  method: 'GET' | 'POST',
  path: string,
  body: unknown,
  signal: AbortSignal,
): Promise<unknown> {
  const answer = await new Promise<{ status: number; body: string }>((resolve, reject) => {
    const asked = request({ socketPath, method, path, signal, agent: false, headers: jsonHeaders(body) });
    asked.once('error', reject);
    asked.once('response', (response) => {
      text(response).then((read) => resolve({ status: response.statusCode ?? 0, body: read }), reject);
    });
    asked.end(body === undefined ? undefined : JSON.stringify(body));
  });
  if (answer.status >= 200 && answer.status < 300)
    return answer.body === '' ? undefined : JSON.parse(answer.body);
  const message = `Cannot ask "${socketPath}": ${method} ${path} must be answered with 2xx: current value is ${answer.status}`;
  throw new LameduckError('internal', message, { status: answer.status, body: answer.body.slice(0, 500) });
}

function jsonHeaders(body: unknown): Record<string, string> {
  return body === undefined ? {} : { 'content-type': 'application/json' };
}
