import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { pino } from 'pino';
import { createNginxEdge } from '../../src/adapters/nginx/edge.ts';
import { stopManaged } from '../../src/adapters/nginx/managed.ts';
import { findMaster, listWorkers } from '../../src/adapters/nginx/master.ts';
import type { NginxEdgeOptions } from '../../src/adapters/nginx/options.ts';
import type { Edge, EdgeNode } from '../../src/ports/edge.ts';

const run = promisify(execFile);

export const nginxBinary: string = process.env.LAMEDUCK_NGINX ?? '/usr/sbin/nginx';
export const soon = (ms = 20_000): AbortSignal => AbortSignal.timeout(ms);
export const ignore = (): void => undefined;

/** What `/large` answers: 3 MB in which each place can be told from every other. */
export const large: Buffer = Buffer.from(
  Array.from({ length: 3 << 18 }, (_, index) =>
    String.fromCharCode(32 + ((index * 7 + (index >> 8)) % 90)).repeat(4),
  ).join(''),
);

/** A backend that tells its name and remembers what it was asked. */
export interface Backend {
  readonly node: EdgeNode;
  /** The `x-id` (or the path) of each request whose handler ran, in order. */
  readonly asked: string[];
  /** Ends the answers that wait (`/wait…`). */
  release(): void;
  close(): Promise<void>;
}

/** A real node:http backend: `/wait` answers once released, `/stream` sends a first byte and then waits too, `/die` cuts; an upgrade is taken. */
export async function startBackend(name: string, wantedPort = 0): Promise<Backend> {
  const asked: string[] = [];
  const waiting: ServerResponse[] = [];
  const upgraded: Duplex[] = [];
  const server = createServer((incoming: IncomingMessage, outgoing: ServerResponse) => {
    asked.push(String(incoming.headers['x-id'] ?? incoming.url));
    let bytes = 0;
    incoming.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    incoming.once('end', () => {
      const body = `${name} ${incoming.method} ${bytes}`;
      if (incoming.url?.startsWith('/die')) {
        incoming.socket.destroy();
        return;
      }
      if (incoming.url === '/large') {
        outgoing.end(large);
        return;
      }
      if (incoming.url?.startsWith('/wait') || incoming.url?.startsWith('/stream')) {
        if (incoming.url.startsWith('/stream')) {
          outgoing.setHeader('x-accel-buffering', 'no');
          outgoing.write('first ');
        }
        waiting.push(outgoing);
      } else outgoing.end(body);
    });
  });
  server.on('upgrade', (incoming, socket) => {
    asked.push(String(incoming.url));
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    socket.on('error', () => undefined);
    upgraded.push(socket);
  });
  server.keepAliveTimeout = 15_000;
  const port = await listen(server, wantedPort);
  return {
    node: { name, weight: 1, address: { kind: 'tcp', host: '127.0.0.1', port } },
    asked,
    release: () => {
      for (const outgoing of waiting.splice(0)) outgoing.end(name);
      for (const socket of upgraded.splice(0)) socket.end();
    },
    close: async () => {
      for (const socket of upgraded) socket.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function listen(server: Server, port: number): Promise<number> {
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

export async function freePort(): Promise<number> {
  const server = createTcpServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Three backends, a folder, and an edge of the wanted kind; `dispose` ends all of it. */
export interface Bench {
  readonly edge: Edge;
  readonly options: NginxEdgeOptions;
  readonly backends: readonly [Backend, Backend, Backend];
  readonly port: number;
  readonly folder: string;
  readonly pidFile: string;
  /** The include file. */
  readonly include: string;
  /** Starts the nginx of the bench by hand, as an operator would. */
  startNginx(): Promise<void>;
  /** Ends master and workers with this signal. */
  killNginx(signal: 'SIGQUIT' | 'SIGKILL'): Promise<void>;
  workers(): number[];
  ask(path?: string): Promise<string>;
  dispose(): Promise<void>;
}

export interface BenchOptions {
  readonly kind: 'managed' | 'attached';
  readonly mode: 'auto' | 'gate' | 'reload';
  readonly more?: Partial<NginxEdgeOptions>;
  /** Attached: text put into the user's http block. */
  readonly http?: string;
  /** Attached: text put into the user's server block. */
  readonly server?: string;
  readonly isIncluded?: boolean;
  /** Attached: further arguments of the user's nginx, by the folder of the bench. */
  readonly arguments?: (folder: string) => readonly string[];
  /** The nodes of the edge, where they are not the backends as they are. */
  readonly nodesOf?: (backends: readonly Backend[]) => readonly EdgeNode[];
  readonly isRunning?: boolean;
}

export const luaModules: string = ['ndk_http_module.so', 'ngx_http_lua_module.so']
  .map((file) => `load_module ${join(process.env.LAMEDUCK_NGINX_MODULES ?? '/usr/lib/nginx/modules', file)};`)
  .join('\n');

export async function makeBench(wanted: BenchOptions): Promise<Bench> {
  const backends = [await startBackend('a'), await startBackend('b'), await startBackend('c')] as const;
  const folder = mkdtempSync(join(tmpdir(), 'lameduck-edge-'));
  const port = await freePort();
  const isManaged = wanted.kind === 'managed';
  const conf = join(folder, isManaged ? 'edge/nginx.conf' : 'user.conf');
  const include = join(folder, isManaged ? 'edge/service.conf' : 'shop.conf');
  const pidFile = join(folder, isManaged ? 'edge/nginx.pid' : 'user.pid');
  const place = isManaged
    ? ({ kind: 'managed', listen: { kind: 'tcp', host: '127.0.0.1', port } } as const)
    : ({ kind: 'attached', conf, include } as const);
  const options: NginxEdgeOptions = {
    name: 'edge-1',
    service: 'shop',
    mode: wanted.mode,
    nginx: nginxBinary,
    directory: join(folder, 'edge'),
    nodes: wanted.nodesOf?.(backends) ?? backends.map(({ node }) => node),
    balance: { type: 'round_robin' },
    quiesceTimeoutMs: 15_000,
    environment: process.env,
    logger: pino({ level: 'silent' }),
    ...place,
    ...wanted.more,
  } as NginxEdgeOptions;
  const own = ['-p', join(folder, 'edge'), '-e', join(folder, 'edge/error.log')];
  const user = ['-e', join(folder, 'user.log'), ...(wanted.arguments?.(folder) ?? [])];
  const command = [...(isManaged ? own : user), '-c', conf];
  const killNginx = async (signal: 'SIGQUIT' | 'SIGKILL'): Promise<void> => {
    const master = findMaster(pidFile);
    if (master === undefined) return;
    const pids = [master, ...listWorkers(master)].map(({ pid }) => pid);
    if (signal === 'SIGKILL') for (const pid of pids) process.kill(pid, signal);
    else process.kill(master.pid, signal);
    await until(() => pids.every((pid) => !isAlive(pid)));
  };
  const bench: Bench = {
    edge: createNginxEdge(options),
    options,
    backends,
    port,
    folder,
    pidFile,
    include,
    startNginx: async () => {
      await run(options.nginx ?? nginxBinary, command);
      await until(() => findMaster(pidFile) !== undefined);
    },
    killNginx,
    workers: () => {
      const master = findMaster(pidFile);
      return master === undefined ? [] : listWorkers(master).map(({ pid }) => pid);
    },
    ask: async (path = '/') => (await send(port, { path })).body,
    dispose: async () => {
      for (const backend of backends) backend.release();
      await bench.edge.close(soon(2_000)).catch(ignore);
      const master = findMaster(pidFile);
      if (master !== undefined) await stopManaged(master, AbortSignal.timeout(1_000));
      for (const backend of backends) await backend.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  if (!isManaged) await prepareUser(bench, conf, wanted);
  return bench;
}

// The user's own nginx: one server, and (unless the test says otherwise) our include.
async function prepareUser(bench: Bench, conf: string, wanted: BenchOptions): Promise<void> {
  const isIncluded = wanted.isIncluded ?? true;
  const first = bench.backends[0].node.address;
  writeFileSync(
    bench.include,
    `# Written by lameduck for service "shop".\nupstream shop { server 127.0.0.1:${first.kind === 'tcp' ? first.port : 0}; }\n`,
  );
  writeFileSync(
    conf,
    `${wanted.more?.nginx === undefined ? luaModules : ''}
    user root; worker_processes 2; pid ${bench.pidFile}; error_log ${join(bench.folder, 'user.log')};
    events { worker_connections 512; }
    http {
      access_log off;
      client_body_temp_path ${bench.folder}/t1; proxy_temp_path ${bench.folder}/t2; fastcgi_temp_path ${bench.folder}/t3;
      uwsgi_temp_path ${bench.folder}/t4; scgi_temp_path ${bench.folder}/t5;
      ${wanted.http ?? ''}
      ${isIncluded ? `include ${bench.include};` : ''}
      server {
        listen 127.0.0.1:${bench.port};
        proxy_http_version 1.1; proxy_set_header Connection "";
        ${wanted.server ?? ''}
        location / { proxy_pass http://${isIncluded ? 'shop' : '127.0.0.1:1'}; }
      }
    }\n`,
  );
  if (wanted.isRunning ?? true) await bench.startNginx();
}

export interface Sent {
  readonly status: number;
  readonly body: string;
}

/** One request on its own connection. */
export async function send(
  port: number,
  { path = '/', method = 'GET', body = '' }: { path?: string; method?: string; body?: string } = {},
): Promise<Sent> {
  return await new Promise((resolve, reject) => {
    const outgoing = request({ host: '127.0.0.1', port, path, method, agent: false }, (incoming) => {
      let text = '';
      incoming.setEncoding('utf8');
      incoming.on('data', (chunk: string) => {
        text += chunk;
      });
      incoming.once('error', reject);
      incoming.once('end', () => resolve({ status: incoming.statusCode ?? 0, body: text }));
    });
    outgoing.once('error', reject);
    outgoing.end(body);
  });
}

export function isAlive(pid: number): boolean {
  try {
    return !/\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}

/** Waits for a condition that no event tells; fails after 10 s. */
export async function until(check: () => boolean | Promise<boolean>, ms = 10_000): Promise<void> {
  const deadline = performance.now() + ms;
  while (!(await check())) {
    if (performance.now() > deadline) throw new Error(`not so within ${ms} ms: ${check.toString()}`);
    await delay(10);
  }
}
