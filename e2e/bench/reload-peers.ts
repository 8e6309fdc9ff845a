import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { freePorts } from '../support/ports.ts';
import { projectRoot } from '../support/service-config.ts';
import { gunicornProgram, peerEnvironment, pm2Program, temporaryFolder } from './peers.ts';
import { childrenOf } from './process-tree.ts';
import { end, launcher } from './targets.ts';

const apps = join(import.meta.dirname, 'apps');
const mostMs = 120_000;

/** A server that can replace its workers while it serves. */
export interface ReloadPeer {
  readonly url: string;
  /** Where its workers write what they have run. */
  readonly ledgers: string;
  /** Resolves when all workers have been replaced, and those before are gone. */
  reload(): Promise<void>;
  stop(): Promise<void>;
}

/** One way to serve the plain example and to reload it. */
export interface ReloadKind {
  readonly name: string;
  readonly needs?: string;
  start(workers: number): Promise<ReloadPeer>;
}

interface Place {
  readonly folder: ReturnType<typeof temporaryFolder>;
  readonly port: number;
  readonly environment: NodeJS.ProcessEnv;
}

async function makePlace(): Promise<Place> {
  const [port = 0] = await freePorts(1);
  const folder = temporaryFolder();
  const own = { LEDGER_DIR: folder.path, NODE_NAME: 'peer', PORT: String(port) };
  return {
    folder,
    port,
    environment: { ...process.env, ...peerEnvironment(join(folder.path, 'pm2')), ...own },
  };
}

async function run(
  { folder, port, environment }: Place,
  command: readonly string[],
): Promise<{ child: ChildProcess; url: string; ledgers: string; stop(): Promise<void> }> {
  const [program = '', ...words] = command;
  const child = spawn(program, words, { env: environment, stdio: ['ignore', 'ignore', 'pipe'] });
  child.stderr?.resume();
  const url = `http://127.0.0.1:${port}`;
  await answers(url, child);
  return { child, url, ledgers: folder.path, stop: () => end(child).finally(folder.remove) };
}

async function answers(url: string, child: ChildProcess): Promise<void> {
  for (const deadline = performance.now() + 30_000; performance.now() < deadline; await pause(50)) {
    const response = await fetch(`${url}/healthz`).catch(() => undefined);
    await response?.arrayBuffer();
    if (response?.ok) return;
    if (child.exitCode !== null) break;
  }
  await end(child);
  throw new Error(`nothing answers on ${url}`);
}

function post(socketPath: string, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const options = { socketPath, path, method: 'POST', signal: AbortSignal.timeout(mostMs) };
    const asked = request(options, (response) => {
      response.resume().on('end', () => {
        if (response.statusCode === 200) resolve();
        else reject(new Error(`${path} answered ${response.statusCode}`));
      });
    });
    asked.on('error', reject).end();
  });
}

/** Asked on its control socket, as `lameduck ctl reload` does. */
function createLameduckReload(name: string, more: readonly string[]): ReloadKind {
  return {
    name,
    async start(workers) {
      const place = await makePlace();
      const control = join(place.folder.path, 'master.sock');
      const entry = join(projectRoot, 'examples', 'plain', 'app.ts');
      const address = `127.0.0.1:${place.port}`;
      const words = ['run', entry, '-w', String(workers), '-b', address, '--control', control, ...more];
      const peer = await run(place, [process.execPath, launcher, ...words]);
      return { ...peer, reload: () => reloaded(peer.child, () => post(control, '/reload')) };
    },
  };
}

export const lameduckReload: ReloadKind = createLameduckReload('lameduck', []);

/** As fast as it can. */
export const lameduckFastReload: ReloadKind = createLameduckReload('lameduck --min-ready 0', [
  '--min-ready',
  '0',
]);

/** Its application is asked for what clients ask for before a worker is ready. */
export const lameduckWarmReload: ReloadKind = createLameduckReload('lameduck --warm-up /fast', [
  '--warm-up',
  '/fast?id=warm-up',
]);

/** So often, at most, a reload of ours starts a worker under this load. */
const startEveryMs = 150;

/**
 * What no reload can be better than here: nothing is replaced, but a Node that does nothing is started as often as a
 * reload would start workers. On two cores it takes turns with the workers and with the load.
 */
export const foreignStarts: ReloadKind = {
  name: 'no reload: a bare `node -e 0` is started beside lameduck',
  async start(workers) {
    const peer = await lameduckReload.start(workers);
    const startOne = async (): Promise<void> => {
      const spent = pause(startEveryMs);
      await once(spawn(process.execPath, ['-e', '0'], { stdio: 'ignore' }), 'exit');
      await spent;
    };
    const reload = async (): Promise<void> => {
      for (let turn = 0; turn < workers; turn += 1) await startOne();
    };
    return { ...peer, reload };
  },
};

/** Its own defaults: a worker that has not closed its server after 1.6 s is killed. */
export const pm2Reload: ReloadKind = {
  name: 'PM2 reload (cluster mode, wait-ready)',
  needs: pm2Program,
  async start(workers) {
    const place = await makePlace();
    const words = ['start', join(apps, 'pm2-app.mjs'), '--name', 'app', '-i', String(workers)];
    const options = ['--no-daemon', '--wait-ready', '--listen-timeout', '10000', '--silent'];
    const peer = await run(place, [process.execPath, pm2Program, ...words, ...options]);
    const client = fork(join(apps, 'pm2-reload.mjs'), {
      env: { ...place.environment, PM2_PROGRAM: pm2Program },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    await told(client);
    const ask = async (): Promise<void> => {
      const answer = told(client);
      client.send('reload');
      await answer;
    };
    const stop = async (): Promise<void> => {
      await end(client);
      await peer.stop();
    };
    return { ...peer, reload: () => reloaded(peer.child, ask), stop };
  },
};

async function told(client: ChildProcess): Promise<void> {
  const [message] = await once(client, 'message', { signal: AbortSignal.timeout(mostMs) });
  const { error } = message as { error?: string };
  if (error !== undefined) throw new Error(`PM2: ${error}`);
}

/** The shop's FastAPI application, which answers as the plain one does. */
export const gunicornReload: ReloadKind = {
  name: 'Gunicorn HUP (Uvicorn, FastAPI)',
  needs: gunicornProgram,
  async start(workers) {
    const place = await makePlace();
    const folder = join(projectRoot, 'examples', 'shop', 'api');
    const words = ['--chdir', folder, '-k', 'uvicorn.workers.UvicornWorker', '-w', String(workers)];
    const options = ['-b', `127.0.0.1:${place.port}`, '--keep-alive', '15', '--log-level', 'info'];
    const peer = await run(place, [gunicornProgram, ...words, ...options, 'api:app']);
    const ask = async (): Promise<void> => {
      const ready = started(peer.child, workers);
      peer.child.kill('SIGHUP');
      await ready;
    };
    return { ...peer, reload: () => reloaded(peer.child, ask) };
  },
};

/** Gunicorn does not say when its new workers serve; Uvicorn does, in the log. */
function started(master: ChildProcess, workers: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let left = workers;
    const timer = setTimeout(() => finish(new Error('Gunicorn has not started its workers')), mostMs);
    function finish(error?: Error): void {
      clearTimeout(timer);
      master.stderr?.off('data', hear);
      if (error === undefined) resolve();
      else reject(error);
    }
    function hear(chunk: Buffer): void {
      left -= chunk.toString().split('Application startup complete').length - 1;
      if (left <= 0) finish();
    }
    master.stderr?.on('data', hear);
  });
}

/** Not all say when the old ones have left: the same measure for all. */
async function reloaded(master: ChildProcess, ask: () => unknown): Promise<void> {
  const pid = master.pid ?? 0;
  const before = childrenOf(pid);
  await ask();
  for (const deadline = performance.now() + mostMs; performance.now() < deadline; await pause(10)) {
    const now = childrenOf(pid);
    if (now.length >= before.length && !before.some((one) => now.includes(one))) return;
  }
  throw new Error(`the workers of ${pid} have not been replaced within ${mostMs} ms`);
}
