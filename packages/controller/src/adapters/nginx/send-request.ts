import { request } from 'node:http';
import type { Address } from '@lameduck/core';

export interface Answer {
  readonly status: number;
  readonly body: string;
}

/** One request to a socket of nginx. */
export interface Call {
  readonly to: Address;
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal: AbortSignal;
  /** A connection is made: from now on a failure does not say that nothing was heard. */
  readonly onConnect?: () => void;
}

/** Sends it on a connection of its own; resolves with the whole answer. Rejects on any failure, and when the signal aborts. */
export async function sendRequest({
  to,
  method,
  path,
  headers,
  body = '',
  signal,
  onConnect,
}: Call): Promise<Answer> {
  const place = to.kind === 'unix' ? { socketPath: to.path } : { host: to.host, port: to.port };
  return await new Promise((resolve, reject) => {
    const outgoing = request(
      {
        ...place,
        method,
        path,
        headers: { host: 'lameduck', ...headers, 'content-length': Buffer.byteLength(body) },
        agent: false,
        signal,
      },
      (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.once('error', reject);
        incoming.once('close', () => reject(new Error('connection closed early')));
        incoming.once('end', () =>
          resolve({ status: incoming.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') }),
        );
      },
    );
    if (onConnect !== undefined) outgoing.once('socket', (socket) => socket.once('connect', onConnect));
    outgoing.once('error', reject);
    outgoing.end(body);
  });
}
