import assert from 'node:assert/strict';
import { existsSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, it } from 'node:test';
import { createAppRunner } from '../../src/adapters/app/app-runner.ts';
import type { NodeProcessOptions } from '../../src/processes/node-process.ts';
import { prepareSocketFolder, socketPath } from '../../src/socket-path.ts';
import { fixtures, makeRealNode, type RealNode } from '../fixtures/node-runner/real-node.ts';

const folder = join(fixtures, 'node-runner');
const masterCommand = [process.execPath, join(folder, 'master.mjs'), 'run'];
const deadline = (): AbortSignal => AbortSignal.timeout(20_000);

let node: RealNode | undefined;
afterEach(async () => {
  await node?.close();
  node = undefined;
});

async function make(entry = 'app.mjs', changes: Partial<NodeProcessOptions> = {}): Promise<RealNode> {
  node = await makeRealNode((options) => createAppRunner({ ...options, masterCommand, workers: 2, entry }), {
    directory: folder,
    ...changes,
  });
  return node;
}

it('a node under our master is started with the arguments of `lameduck run`', async () => {
  const made = await make('./app.mjs', { timeoutGracefulShutdownMs: 1_500 });
  await made.runner.start(deadline());
  const { stateDirectory } = made.options;
  const told: unknown = JSON.parse(/arguments (.*)/.exec(made.readLog())?.[1] ?? '');
  assert.deepEqual(told, [
    ...['run', join(folder, 'app.mjs'), '--workers', '2', '--bind', `127.0.0.1:${made.port}`],
    ...['--pidfile', join(stateDirectory, 'master.pid'), '--control', join(stateDirectory, 'master.sock')],
    ...['--timeout-graceful-shutdown', '1500ms', '--kill-margin', '2s', '--keep-alive', '15s'],
  ]);
});

it('a node under our master is told that connections need not linger before it gets SIGTERM', async () => {
  const made = await make();
  const started = await made.runner.start(deadline());
  await made.runner.terminate(started);
  await made.runner.exited(started, deadline());
  assert.match(made.readLog(), /told \/linger \{"ms":0\}\n[\s\S]*SIGTERM\n/);
  assert.deepEqual(made.warnings, []);
});

it('a node under our master gets SIGTERM also when its control socket is gone', async () => {
  const made = await make();
  const started = await made.runner.start(deadline());
  assert.equal((await made.runner.master?.())?.workers.length, 2);
  rmSync(join(made.options.stateDirectory, 'master.sock'));
  assert.equal((await made.runner.workers(started)).length, 2);
  await assert.rejects(async () => made.runner.master?.());
  await made.runner.terminate(started);
  await made.runner.exited(started, deadline());
  assert.equal(made.warnings.length, 1);
});

it('a node under our master gets SIGTERM within a second although it does not answer', async () => {
  const made = await make();
  const started = await made.runner.start(deadline());
  process.kill(started.pid, 'SIGSTOP');
  const begin = performance.now();
  await made.runner.terminate(started);
  const ms = performance.now() - begin;
  process.kill(started.pid, 'SIGCONT');
  await made.runner.exited(started, deadline());
  assert.ok(ms >= 450 && ms < 2_000, `terminate took ${ms} ms`);
});

it('a node under our master tells its workers as its master sees them', async () => {
  const made = await make();
  const started = await made.runner.start(deadline());
  const workers = await made.runner.workers(started);
  assert.deepEqual(
    workers.map(({ state }) => state),
    ['ready', 'ready'],
  );
});

for (const entry of ['missing.mjs', '.']) {
  it(`a node under our master is not started where its entry "${entry}" is no file, and the message names the absolute path`, async () => {
    const made = await make(entry);
    await assert.rejects(made.runner.start(deadline()), (thrown: Error & { code?: string }) => {
      assert.equal(thrown.code, 'entryUnusable');
      assert.ok(thrown.message.includes(`entry ${join(folder, entry).replace(/\/$/, '')} must`));
      return true;
    });
    assert.equal(existsSync(join(made.options.stateDirectory, 'node.log')), false);
  });
}

it('a node under our master has its control socket in a private folder where the path is too long for a socket', async () => {
  const first = await make();
  const stateDirectory = join(dirname(dirname(first.options.stateDirectory)), 'x'.repeat(120));
  const socket = socketPath(stateDirectory, 'master.sock');
  assert.ok(Buffer.byteLength(socket) <= 107);
  assert.notEqual(socket, socketPath(`${stateDirectory}y`, 'master.sock'));
  const runner = createAppRunner({
    ...first.options,
    stateDirectory,
    masterCommand,
    workers: 1,
    entry: 'app.mjs',
  });
  const started = await runner.start(deadline());
  try {
    assert.equal(statSync(dirname(socket)).mode & 0o777, 0o700);
    assert.equal((await runner.workers(started))[0]?.state, 'ready');
  } finally {
    await runner.kill(started);
    rmSync(dirname(socket), { recursive: true, force: true });
  }
});

it('a node under our master uses no socket folder that somebody else owns', async () => {
  const made = await make();
  const foreign = join(dirname(made.options.stateDirectory), 'foreign');
  mkdirSync(dirname(foreign), { recursive: true });
  // Any path that is no directory of our own will do; only root could make one of another user.
  assert.throws(() => prepareSocketFolder('/proc/self/exe'));
  assert.doesNotThrow(() => prepareSocketFolder(foreign));
});
