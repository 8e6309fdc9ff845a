import { createHash, timingSafeEqual } from 'node:crypto';
import { unlink } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { formatAddress, LameduckError } from '@lameduck/core';
import type { Logger } from 'pino';
import type { MetricsOptions } from '../options.ts';
import { probeSocketFile, withFileMode } from '../socket-file.ts';
import { metricsType } from './render-metrics.ts';

/** An old master may still have the address when its successor starts. */
const againMs = 1000;
const requestMs = 5000;

/** What serves the metrics. */
export interface MetricsServer {
  close(): Promise<void>;
}

/** What a metrics server needs. */
export interface MetricsServerParts {
  readonly options: MetricsOptions;
  readonly render: () => Promise<string>;
  readonly logger: Logger;
  /** Wait for the address instead of failing: an old master still has it. */
  readonly waits: boolean;
}

/** Serves `GET /metrics`, and nothing else, on an address of its own. Throws `addressInUse` or `config`. */
export async function openMetricsServer(parts: MetricsServerParts): Promise<MetricsServer> {
  const server = createMetricsServer(parts);
  let timer: NodeJS.Timeout | undefined;
  async function listenSoon(): Promise<void> {
    try {
      await listen(server, parts.options);
      server.on('error', (error) => parts.logger.error({ reason: error.message }, 'metrics server failed'));
    } catch (error) {
      if (!parts.waits) throw error;
      timer = setTimeout(() => void listenSoon(), againMs).unref();
    }
  }
  await listenSoon();
  return {
    close: async () => {
      clearTimeout(timer);
      if (!server.listening) return;
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
  };
}

function createMetricsServer({ options, render, logger }: MetricsServerParts): Server {
  const server = createServer(
    { requestTimeout: requestMs, headersTimeout: requestMs },
    (request, response) => {
      const answer = (status: number, text: string): void => {
        response.writeHead(status, { 'content-type': status === 200 ? metricsType : 'text/plain' }).end(text);
      };
      if (!isAllowed(request, options.token)) return answer(401, 'a bearer token is wanted\n');
      if (request.url?.split('?', 1)[0] !== '/metrics') return answer(404, 'GET /metrics is wanted\n');
      if (request.method !== 'GET' && request.method !== 'HEAD') return answer(405, 'GET is wanted\n');
      render().then(
        (text) => answer(200, text),
        (error: Error) => {
          logger.error({ reason: error.message }, 'metrics failed');
          answer(500, 'failed\n');
        },
      );
    },
  );
  return server;
}

function isAllowed({ headers }: IncomingMessage, token: string | undefined): boolean {
  if (token === undefined) return true;
  // Of one length, whatever was sent.
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(headers.authorization ?? ''), digest(`Bearer ${token}`));
}

async function listen(server: Server, { address }: MetricsOptions): Promise<void> {
  if (address === undefined) return;
  if (address.kind === 'unix' && (await probeSocketFile(address.path)) === 'stale')
    await unlink(address.path);
  await new Promise<void>((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException): void => {
      const code = error.code === 'EADDRINUSE' ? 'addressInUse' : 'config';
      const message = `Cannot serve metrics on "${formatAddress(address)}": a free address is wanted: current value is ${error.code}`;
      reject(new LameduckError(code, message, { address: formatAddress(address) }, error));
    };
    server.once('error', onError);
    const onListening = (): void => {
      server.off('error', onError);
      resolve();
    };
    if (address.kind === 'tcp') server.listen({ host: address.host, port: address.port }, onListening);
    else withFileMode(0o600, () => server.listen({ path: address.path }, onListening));
  });
}
