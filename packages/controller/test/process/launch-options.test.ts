import assert from 'node:assert/strict';
import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { createAppRunner } from '../../src/adapters/app/app-runner.ts';
import { createServerRunner } from '../../src/adapters/process/server-runner.ts';
import { findAccount } from '../../src/processes/account.ts';
import { ownerOf } from '../../src/processes/identity.ts';
import type { LaunchOptions } from '../../src/processes/launch-options.ts';
import { fixtures, isAlive, makeRealNode, type RealNode } from '../fixtures/node-runner/real-node.ts';

const server = join(fixtures, 'node-runner', 'server.mjs');
const deadline = (): AbortSignal => AbortSignal.timeout(20_000);
const isRoot = process.geteuid?.() === 0;
const nobody = 65_534;

/** A command that says how it was started, and then serves. */
async function serve(test: TestContext, launch: LaunchOptions): Promise<RealNode> {
  const node = await makeRealNode((options) => {
    const { port } = options.address as { port: number };
    const say = 'echo "$A $B $C $USER $HOME"; umask; nice; id -u; id -g; id -G';
    return createServerRunner({
      ...options,
      start: `${say}; exec ${process.execPath} ${server} ${port}`,
      launch,
    });
  });
  test.after(() => node.close());
  return node;
}

describe('how a node is started', () => {
  it('environment files are read at each start, later ones and env win; umask, nice and log file are as asked', async (test) => {
    const folder = join(fixtures, '..', '..', '..', '..', '.cache', 'launch-test');
    const logFile = join(folder, `${process.pid}`, 'a.log');
    const launch = {
      env: { C: 'own' },
      envFiles: [join(folder, 'one.env'), join(folder, 'two.env')],
      umask: 0o27,
      nice: 7,
      logFile,
    };
    const node = await serve(test, launch);
    const { mkdirSync, rmSync } = await import('node:fs');
    test.after(() => rmSync(folder, { recursive: true }));
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'one.env'), '# first\nA=one\nB="one two"\nC=one\n');
    writeFileSync(join(folder, 'two.env'), 'export A=two\n');
    const main = await node.runner.start(deadline());
    const lines = readFileSync(logFile, 'utf8').split('\n');
    assert.match(lines[0] ?? '', /^two one two own /);
    assert.deepEqual(lines.slice(1, 3), ['0027', '7']);
    assert.deepEqual(await node.runner.find(), main);
    assert.equal(existsSync(join(node.options.stateDirectory, 'node.log')), false);
    await node.runner.terminate(main);
    await node.runner.exited(main, deadline());
    writeFileSync(join(folder, 'two.env'), 'A=three\n');
    await node.runner.start(deadline());
    assert.match(readFileSync(logFile, 'utf8'), /^three one two own /m);
    // what it says while it ends badly is found there, too
    const again = await node.runner.find();
    assert.ok(again);
    const died = node.runner.died(again, deadline());
    process.kill(again.pid, 'SIGKILL');
    assert.match(await died, /three one two own/);
  });

  it('an environment file that is not there is told before anything starts', async (test) => {
    const node = await serve(test, { envFiles: ['/nowhere/a.env'] });
    const message =
      /^Cannot start "a": envFile \/nowhere\/a\.env must be a readable file of NAME=value lines: current value is ENOENT/;
    await assert.rejects(node.runner.check(deadline()), { code: 'startFailed', message });
    await assert.rejects(node.runner.start(deadline()), { code: 'startFailed', message });
  });

  it('a user that nobody knows is told', async (test) => {
    const node = await serve(test, { user: 'no-such-user' });
    await assert.rejects(node.runner.check(deadline()), {
      code: 'startFailed',
      message: 'Cannot start "a": user "no-such-user" must exist on this machine: current value is unknown',
    });
  });
});

describe('a node of another user', { skip: !isRoot && 'only root may take another user' }, () => {
  it('has his ids, groups and home, and the pid that was started', async (test) => {
    const node = await serve(test, { user: 'nobody', nice: -2 });
    const main = await node.runner.start(deadline());
    const [said, , nice, ...ids] = readFileSync(join(node.options.stateDirectory, 'node.log'), 'utf8').split(
      '\n',
    );
    assert.match(said ?? '', / nobody \/nonexistent$/);
    assert.deepEqual([nice, ...ids.slice(0, 3)], ['-2', '65534', '65534', '65534']);
    assert.equal(ownerOf(main.pid), nobody);
    assert.deepEqual(await node.runner.find(), main);
  });

  it('has a group of its own, where only that is asked for', async (test) => {
    const node = await serve(test, { group: '12345' });
    const main = await node.runner.start(deadline());
    assert.equal(ownerOf(main.pid), 0);
    assert.match(readFileSync(join(node.options.stateDirectory, 'node.log'), 'utf8'), /\n0\n12345\n/);
  });

  it('under our master keeps its pid file and socket in a folder of his, which is not believed about others', async (test) => {
    const master = join(fixtures, 'node-runner', 'master.mjs');
    const launch = { user: 'nobody' };
    const node = await makeRealNode((options) =>
      createAppRunner({
        ...options,
        launch,
        entry: join(fixtures, 'node-runner', 'app.mjs'),
        workers: 1,
        masterCommand: [process.execPath, master, 'run'],
      }),
    );
    test.after(() => node.close());
    // mkdtemp makes private folders
    chmodSync(dirname(dirname(node.options.stateDirectory)), 0o755);
    const main = await node.runner.start(deadline());
    const run = join(node.options.stateDirectory, 'run');
    assert.equal(ownerOf(main.pid), nobody);
    assert.equal(statSync(run).uid, nobody);
    await node.runner.terminate(main);
    await node.runner.exited(main, deadline());
    writeFileSync(join(run, 'master.pid'), `${process.ppid}\n`);
    assert.equal(await node.runner.find(), undefined);
    assert.ok(isAlive(process.ppid));
  });

  it('is refused to whoever is not root', async () => {
    process.seteuid?.(nobody);
    try {
      await assert.rejects(findAccount('a', { user: 'daemon' }), {
        code: 'startFailed',
        message: 'Cannot start "a": user root is needed to run as user daemon: current value is uid 65534',
      });
      // his own name changes nothing
      assert.equal(await findAccount('a', { user: 'nobody', group: '0' }), undefined);
    } finally {
      process.seteuid?.(0);
    }
  });
});
