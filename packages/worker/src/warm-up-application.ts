import type { RequestOptions, Server } from 'node:http';
import { createServer, type Server as NetServer } from 'node:net';
import { logError } from './log.ts';
import { http } from './node-http.ts';
import { isTlsServer } from './secure.ts';

/** So often is each path asked for: V8 compiles what is called again and again. */
const turns = 20;
const mostMs = 5000;

/**
 * Asks the application for each path, 20 times, before the first client can: what it loads late and what V8 has not
 * compiled yet costs nobody's time then. The requests come over a socket that nobody else knows, one after the
 * other, marked with `X-Lameduck-Warm-Up: 1`; 5 s at most. What fails is logged and fails no start.
 */
export async function warmUpApplication(server: Server, paths: readonly string[]): Promise<void> {
  const event = isTlsServer(server) ? 'secureConnection' : 'connection';
  const door = createServer((socket) => server.emit(event, socket));
  const failed = new Map<string, string>();
  try {
    await open(door);
    await askAll(addressOf(door), paths, failed);
  } catch (thrown) {
    failed.set('*', String(thrown));
  } finally {
    door.close();
  }
  for (const [path, reason] of failed) logError('Warm-up failed', { path, reason });
}

async function askAll(
  address: { readonly path: string } | { readonly port: number },
  paths: readonly string[],
  failed: Map<string, string>,
): Promise<void> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const signal = AbortSignal.timeout(mostMs);
  const place = 'path' in address ? { socketPath: address.path } : { host: '127.0.0.1', port: address.port };
  try {
    for (let turn = 0; turn < turns && !signal.aborted; turn += 1) {
      for (const path of paths.filter((candidate) => !failed.has(candidate))) {
        const reason = await ask({ ...place, path, agent, signal }).catch((thrown: unknown) =>
          String(thrown),
        );
        if (reason !== undefined) failed.set(path, reason);
      }
    }
  } finally {
    agent.destroy();
  }
}

/** Resolves when the whole answer has arrived, with what is wrong about it. */
function ask(options: RequestOptions): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const headers = { host: 'localhost', 'x-lameduck-warm-up': '1' };
    const asked = http.get({ ...options, headers }, (response) => {
      response.resume();
      response.on('error', reject);
      response.on('end', () => {
        const { statusCode = 0 } = response;
        resolve(statusCode < 400 ? undefined : `status ${statusCode}`);
      });
    });
    asked.on('error', reject);
  });
}

/** On Linux a socket without a file, elsewhere a port of the loopback. */
function open(door: NetServer): Promise<void> {
  return new Promise((resolve, reject) => {
    door.once('error', reject);
    const isLinux = process.platform === 'linux';
    door.listen(
      isLinux ? { path: `\0lameduck-door-${process.pid}` } : { host: '127.0.0.1', port: 0 },
      resolve,
    );
  });
}

function addressOf(door: NetServer): { readonly path: string } | { readonly port: number } {
  const address = door.address();
  if (typeof address === 'string') return { path: address };
  return { port: address?.port ?? 0 };
}
