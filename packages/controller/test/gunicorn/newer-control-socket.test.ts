import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, it } from 'node:test';
import { promisify } from 'node:util';
import type { ArbiterView } from '@lameduck/core';
import {
  createGunicornRunner,
  type GunicornRunnerOptions,
} from '../../src/adapters/gunicorn/gunicorn-runner.ts';
import type { ProcessIdentity, RunningWorker } from '../../src/ports/node-runner.ts';
import { poll } from '../../src/processes/wait.ts';
import { fixtures, makeRealNode, type RealNode } from '../fixtures/node-runner/real-node.ts';

const folder = join(import.meta.dirname, '../../../../.cache/newer-gunicorn/bin');
const command = process.env['LAMEDUCK_GUNICORN_NEWER'] ?? join(folder, 'gunicorn');
const version = spawnSync(command, ['--version'], { encoding: 'utf8' });
const directory = join(fixtures, 'python');
const soon = (): AbortSignal => AbortSignal.timeout(60_000);
const skip = version.status !== 0 && `no gunicorn at ${command}: scripts/newer-gunicorn.sh brings one`;

describe('the control socket of a current Gunicorn', { skip }, () => {
  let node: RealNode | undefined;
  afterEach(async () => {
    await node?.close();
    node = undefined;
  });
  async function start(changes: Partial<GunicornRunnerOptions> = {}): Promise<[RealNode, ProcessIdentity]> {
    node = await makeRealNode(
      (options) => createGunicornRunner({ ...options, command, workers: 2, app: 'api:app', ...changes }),
      { directory },
    );
    return [node, await node.runner.start(soon())];
  }
  const until = async (
    what: string,
    started: ProcessIdentity,
    is: (workers: readonly RunningWorker[], arbiter: ArbiterView) => boolean,
  ): Promise<readonly RunningWorker[]> => {
    const look = async (): Promise<readonly RunningWorker[] | undefined> => {
      const workers = (await node?.runner.workers(started)) ?? [];
      return is(workers, (await node?.runner.arbiter?.(started)) ?? {}) ? workers : undefined;
    };
    return await poll(look, soon(), what);
  };
  const gunicornc = async (made: RealNode, line: string): Promise<string> => {
    const socket = join(made.options.stateDirectory, 'gunicorn.ctl');
    return (await promisify(execFile)(join(folder, 'gunicornc'), ['-s', socket, '-c', line])).stdout;
  };

  it('tells version, wanted and started workers and reloads; workers have age and memory', async () => {
    const [made, started] = await start();
    const began = Date.now();
    const isAll = ({ target, spawned, reloads }: ArbiterView): boolean =>
      target === 2 && spawned === 2 && reloads === 0;
    const workers = await until(
      'see two ready workers',
      started,
      (found, arbiter) =>
        found.length === 2 && found.every(({ state }) => state === 'ready') && isAll(arbiter),
    );
    for (const { rss = 0, startedAtMs = 0 } of workers) {
      assert.ok(rss > 10e6 && rss < 500e6, `${rss}`);
      assert.ok(Math.abs(began - startedAtMs) < 60_000, `${startedAtMs}`);
    }
    assert.match(version.stdout, new RegExp(`version ${(await made.runner.arbiter?.(started))?.version}\\)`));
    // a controller that finds it running knows the same
    assert.deepEqual(await made.reopen().arbiter?.(started), await made.runner.arbiter?.(started));
  });

  it('tells what gunicornc does to the workers behind the back of lameduck', async () => {
    const [made, started] = await start();
    const [first] = await until('see two workers', started, ({ length }) => length === 2);
    await gunicornc(made, 'worker add 1');
    await until(
      'see a third one',
      started,
      (found, { target }) => target === 3 && found.filter(({ state }) => state === 'ready').length === 3,
    );
    await gunicornc(made, `worker kill ${first?.pid}`);
    await until(
      'see it replaced',
      started,
      (found, { spawned }) => spawned === 4 && found.every(({ pid }) => pid !== first?.pid),
    );
    await gunicornc(made, 'reload');
    await until(
      'see a reload to the configured number of workers',
      started,
      (found, { reloads, target }) => reloads === 1 && target === 2 && found.length === 2,
    );
    assert.ok(made.warnings.length >= 2, JSON.stringify(made.warnings));
  });

  it('shows a worker that stops for gunicornc as draining while it finishes its request', async () => {
    const [made, started] = await start({ workers: 1 });
    await until('see it ready', started, ([one]) => one?.state === 'ready');
    const slow = fetch(`http://127.0.0.1:${made.port}/slow?ms=3000`);
    const [worker] = await made.runner.workers(started);
    await until('see the connection', started, () => openSockets(worker?.pid ?? 0) > 0);
    await gunicornc(made, `worker kill ${worker?.pid}`);
    await until('see it drain', started, (found) =>
      found.some(({ pid, state }) => pid === worker?.pid && state === 'draining'),
    );
    assert.deepEqual(await (await slow).json(), { slept: 3000 });
  });

  it('shows a worker whose event loop stands still as hung before the arbiter ends it', async () => {
    const [made, started] = await start({ app: 'blocking_api:app', arguments: ['--timeout', '12'] });
    await until('see both ready', started, (found) => found.every(({ state }) => state === 'ready'));
    const blocked = fetch(`http://127.0.0.1:${made.port}/block?seconds=30`).then(
      () => 'answered',
      () => 'cut',
    );
    const found = await until('see it hang', started, (all) => all.some(({ state }) => state === 'hung'));
    assert.deepEqual(found.map(({ state }) => state).sort(), ['hung', 'ready']);
    const hung = found.find(({ state }) => state === 'hung')?.pid;
    await until('see it replaced', started, (all) => all.every(({ pid }) => pid !== hung));
    assert.equal(await blocked, 'cut');
  });

  it('shows workers without an event loop as ready, too', async () => {
    const [, started] = await start({ app: 'wsgi:app', workerClass: 'sync' });
    await until(
      'see both ready',
      started,
      (found) => found.length === 2 && found.every(({ state }) => state === 'ready'),
    );
  });

  it('that does not answer, since the arbiter is frozen, costs half a second and nothing else', async () => {
    const [made, started] = await start();
    await until('see both ready', started, (found) => found.every(({ state }) => state === 'ready'));
    const fresh = made.reopen();
    process.kill(started.pid, 'SIGSTOP');
    try {
      const began = performance.now();
      const workers = await fresh.workers(started);
      const took = performance.now() - began;
      assert.deepEqual(
        workers.map(({ state }) => state),
        ['ready', 'ready'],
      );
      assert.ok(took < 3_000, `${took} ms`);
      assert.deepEqual(Object.keys((await fresh.arbiter?.(started)) ?? {}), ['version']);
    } finally {
      process.kill(started.pid, 'SIGCONT');
    }
  });
});

/** Sockets of a process beside the one that it listens on and those of its event loop. */
function openSockets(pid: number): number {
  const rows = readFileSync(`/proc/${pid}/net/tcp`, 'utf8');
  const inodes = readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? [];
    } catch {
      return []; // closed meanwhile
    }
  });
  const established = rows
    .split('\n')
    .map((row) => row.trim().split(/\s+/))
    .filter((row) => row[3] === '01');
  return established.filter((row) => inodes.includes(row[9] ?? '')).length;
}
