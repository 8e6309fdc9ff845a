import { type ErrorBody, type ErrorCode, LameduckError } from '@lameduck/core';
import { Client, errors } from 'undici';

/** One request to a master's control socket. Throws what it answers, and `notRunning` where nobody does. */
export async function askMaster(
  socketPath: string,
  method: 'GET' | 'POST',
  path: string,
  body?: object,
): Promise<unknown> {
  // a reload takes as long as the workers need
  const client = new Client('http://localhost', { socketPath, headersTimeout: 0, bodyTimeout: 0 });
  try {
    const headers = { 'content-type': 'application/json' };
    const request = { method, path, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
    const response = await client.request(request).catch((error: unknown) => {
      throw unanswered(socketPath, error);
    });
    const text = await response.body.text();
    const isText = String(response.headers['content-type']).startsWith('text/plain; version');
    const answer: unknown = text === '' ? {} : isText ? text : JSON.parse(text);
    if (response.statusCode < 400) return answer;
    const { code, message } = (answer as ErrorBody).error;
    throw new LameduckError(code as ErrorCode, message);
  } finally {
    await client.close();
  }
}

function unanswered(socketPath: string, error: unknown): LameduckError {
  if (error instanceof errors.SocketError)
    return new LameduckError(
      'aborted',
      `Cannot hear from the master on "${socketPath}": an answer was wanted: current value is a connection that ended without one`,
      { socketPath },
    );
  return new LameduckError('notRunning', `Cannot reach a master on "${socketPath}": ${String(error)}`, {
    socketPath,
  });
}
