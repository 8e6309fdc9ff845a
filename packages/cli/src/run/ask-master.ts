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
    const answer = text === '' ? {} : isText ? text : readJson(text);
    if (response.statusCode < 400 && answer !== undefined) return answer;
    const { error } = (answer ?? {}) as Partial<ErrorBody>;
    if (error === undefined) throw noMaster(socketPath, response.statusCode, text);
    throw new LameduckError(error.code as ErrorCode, error.message);
  } finally {
    await client.close();
  }
}

function readJson(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function noMaster(socketPath: string, status: number, text: string): LameduckError {
  const got = `another server, which says ${status} ${JSON.stringify(text.slice(0, 60))}`;
  return new LameduckError(
    'notRunning',
    `Cannot understand the answer on "${socketPath}": the control socket of a master was wanted: current value is ${got}`,
    { socketPath },
  );
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
