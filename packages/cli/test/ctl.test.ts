import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { MasterStatus } from '@lameduck/core';
import { CommandFolder, type RunningCommand } from './support/run-command.ts';

const app = `import { setTimeout as wait } from 'node:timers/promises';
export default async (request, response) => {
  const { pathname, searchParams } = new URL(request.url, 'http://x');
  if (pathname === '/slow') {
    process.stderr.write('slow began\\n');
    await wait(Number(searchParams.get('ms')));
  }
  response.end('answered');
};\n`;
const serve = ['run', 'app.mjs', '-b', '127.0.0.1:0', '--control', 'run.sock', '--linger', '100ms'];
const there = ['--control', 'run.sock'];

async function startApp(
  test: TestContext,
  ...more: readonly string[]
): Promise<{ folder: CommandFolder; master: RunningCommand; url: string }> {
  const folder = new CommandFolder(test, { 'app.mjs': app });
  const master = folder.start([...serve, ...more]);
  return { folder, master, url: await master.ready() };
}

async function statusOf(folder: CommandFolder): Promise<MasterStatus> {
  return JSON.parse((await folder.run(['ctl', 'status', '--json', ...there])).stdout) as MasterStatus;
}

function canBind(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(Number(port), hostname, () => server.close(() => resolve(true)));
  });
}

describe('lameduck ctl scale', () => {
  for (const wrong of ['abc', '0', '513', '1.5'])
    it(`${wrong} is told what is wanted, exit code 2, without asking a master`, async (test) => {
      const { code, stderr } = await new CommandFolder(test).run([
        'ctl',
        'scale',
        wrong,
        '--control',
        'none',
      ]);
      assert.equal(code, 2);
      assert.match(stderr, /a whole number from 1 to 512 is wanted/);
    });

  it('ends when so many workers are ready, and says how many still leave', async (test) => {
    const { folder, master, url } = await startApp(test);
    const grown = await folder.run(['ctl', 'scale', '7', ...there]);
    assert.deepEqual([grown.code, grown.stdout], [0, 'scaled to 7\n'], grown.stderr);
    const { workers } = await statusOf(folder);
    assert.equal(workers.filter(({ state }) => state === 'ready').length, 7);
    const slow = Array.from({ length: 14 }, () => fetch(`${url}/slow?ms=3000`).then((one) => one.text()));
    await master.until(() => master.stderr.split('slow began').length === 15, 'all have begun');
    const shrunk = await folder.run(['ctl', 'scale', '1', ...there]);
    assert.equal(shrunk.code, 0, shrunk.stderr);
    assert.match(shrunk.stdout, /^scaled to 1; [1-6] leaving$/m);
    assert.deepEqual(new Set(await Promise.all(slow)), new Set(['answered']));
  });

  it('fails with the reason of new workers that do not start; not all are tried at once', async (test) => {
    const { folder, master } = await startApp(test);
    folder.write('app.mjs', `throw new Error('no database today');\n`);
    const { code, stderr } = await folder.run(['ctl', 'scale', '60', ...there]);
    assert.equal(code, 1);
    assert.match(
      stderr,
      /^lameduck: Cannot scale to "60": .*current value is 1 ready, .*no database today$/m,
    );
    assert.match((await folder.run(['ctl', 'status', ...there])).stdout, /degraded/);
    const spawned = (): number => master.stderr.match(/"msg":"worker spawned"/g)?.length ?? 0;
    await master.until(() => spawned() > 4, 'more have been tried');
    assert.ok(spawned() < 30, `${spawned()} were started`);
  });

  it('is refused by a master that stops', async (test) => {
    const { folder, master, url } = await startApp(test);
    const slow = fetch(`${url}/slow?ms=4000`).then((one) => one.text());
    await master.until(() => master.stderr.includes('slow began'), 'it has begun');
    master.child.kill('SIGTERM');
    await master.until(() => master.stderr.includes('"to":"stopping"'), 'it stops');
    const { code, stderr } = await folder.run(['ctl', 'scale', '3', ...there]);
    assert.equal(code, 1);
    assert.match(stderr, /Cannot scale to "3": .*current value is a master that is stopping/);
    assert.equal(await slow, 'answered');
  });
});

describe('lameduck ctl stop', () => {
  it('ends when the master has, exit code 0: its address is free', async (test) => {
    const { folder, master, url } = await startApp(test);
    const slow = fetch(`${url}/slow?ms=1500`).then((one) => one.text());
    await master.until(() => master.stderr.includes('slow began'), 'it has begun');
    const { code, stdout, stderr } = await folder.run(['ctl', 'stop', ...there]);
    assert.deepEqual([code, stdout], [0, 'stopped\n'], stderr);
    assert.equal(await slow, 'answered');
    assert.equal(await canBind(url), true);
    assert.equal((await master.ended).code, 0);
  });

  it('ends with 5 where a request outlived its deadline', async (test) => {
    const { folder, master, url } = await startApp(
      test,
      '--timeout-graceful-shutdown',
      '500ms',
      '--session-timeout',
      '200ms',
    );
    const stuck = fetch(`${url}/slow?ms=60000`).catch(() => 'cut');
    await master.until(() => master.stderr.includes('slow began'), 'it has begun');
    const { code, stdout, stderr } = await folder.run(['ctl', 'stop', ...there]);
    assert.equal(code, 5, stderr);
    assert.match(stdout, /^stopped; something outlived its deadline/);
    assert.equal(await stuck, 'cut');
    assert.equal((await master.ended).code, 5);
  });

  it('--no-wait ends when the stop has begun', async (test) => {
    const { folder, master, url } = await startApp(test);
    const slow = fetch(`${url}/slow?ms=4000`).then((one) => one.text());
    await master.until(() => master.stderr.includes('slow began'), 'it has begun');
    const { code, stdout } = await folder.run(['ctl', 'stop', '--no-wait', ...there]);
    assert.deepEqual([code, stdout], [0, 'stopping\n']);
    assert.equal(master.child.exitCode, null);
    assert.equal(await slow, 'answered');
    assert.equal((await master.ended).code, 0);
  });
});

describe('lameduck ctl', () => {
  it('finds the control socket in LAMEDUCK_CONTROL, and in the settings file', async (test) => {
    const folder = new CommandFolder(test, {
      'app.mjs': app,
      'lameduck.run.yaml': 'entry: app.mjs\nbind: 127.0.0.1:0\ncontrol: of-the-file.sock\n',
    });
    await folder.start(['run']).ready();
    assert.match((await folder.run(['ctl', 'status'])).stdout, /ready, generation 1/);
    await folder.start(['run'], { LAMEDUCK_CONTROL: 'of-the-environment.sock' }).ready();
    const [one, other] = await Promise.all([
      folder.run(['ctl', 'status', '--json']),
      folder.run(['ctl', 'status', '--json'], { LAMEDUCK_CONTROL: 'of-the-environment.sock' }),
    ]);
    assert.notEqual(JSON.parse(one.stdout).pid, JSON.parse(other.stdout).pid);
  });

  it('says what may name a control socket where nothing does, exit code 2', async (test) => {
    const { code, stderr } = await new CommandFolder(test).run(['ctl', 'status']);
    assert.equal(code, 2);
    assert.match(stderr, /--control PATH, LAMEDUCK_CONTROL, or control in lameduck\.run\.\* here was wanted/);
  });

  it('an empty path is a usage error: nobody else is asked in its place', async (test) => {
    const { code, stderr } = await new CommandFolder(test).run(['ctl', 'stop', '--control', '']);
    assert.deepEqual(
      [code, stderr],
      [2, 'lameduck: Cannot use --control: a path is wanted: current value is empty\n'],
    );
  });

  it('what answers and is no master is told so, exit code 3', async (test) => {
    const folder = new CommandFolder(test);
    const server = createHttpServer((_request, response) => response.end('Not found'));
    server.listen(join(folder.path, 'run.sock'));
    await once(server, 'listening');
    test.after(() => server.close());
    for (const words of [['status'], ['stop']]) {
      const { code, stderr } = await folder.run(['ctl', ...words, ...there]);
      assert.deepEqual(
        [code, /another server, which says 200 "Not found"\n$/.test(stderr)],
        [3, true],
        stderr,
      );
    }
  });

  // With a terminal the signal means nothing.
  const hasTerminal = readFileSync('/proc/self/stat', 'utf8').split(') ').at(-1)?.split(' ')[4] !== '0';
  it('status says paused after WINCH, until workers are wanted again', {
    skip: hasTerminal,
  }, async (test) => {
    const { folder } = await startApp(test);
    assert.equal((await folder.run(['ctl', 'signal', 'WINCH', ...there])).code, 0);
    const status = await statusOf(folder);
    assert.equal(status.state, 'paused');
    assert.match((await folder.run(['ctl', 'status', ...there])).stdout, /paused \(HUP or "scale" brings/);
    assert.equal((await folder.run(['ctl', 'scale', '1', ...there])).code, 0);
    assert.equal((await statusOf(folder)).state, 'ready');
  });
});
