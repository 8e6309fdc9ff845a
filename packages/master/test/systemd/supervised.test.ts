import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { describe, it } from 'node:test';
import { FakeSystemd, missing } from '../support/fake-systemd.ts';
import { applicationThatThrows, isRunning, until } from '../support/master-process.ts';
import { ask, Load } from '../support/requests.ts';

const get = async (path: string): Promise<string> => (await control(path, '/status', 'GET')).text;

function control(
  path: string,
  route: string,
  method = 'POST',
): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath: path, method, path: route, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    sent
      .once('error', reject)
      .setTimeout(30_000, () => sent.destroy(new Error('no answer')))
      .end();
  });
}

const indexOf = (systemd: FakeSystemd, assignment: string): number =>
  systemd.told.findIndex(({ assignments }) => assignments.includes(assignment));

describe('under systemd', { skip: missing }, () => {
  it('R23: serves on the socket it was given, is READY when its workers are, and STOPPING once at the end', async (test) => {
    const systemd = new FakeSystemd(test, {}, { workers: 2 });
    systemd.deploy(
      `export default (q, s) => s.end(JSON.stringify({ path: Object.keys(process.env).join() }));`,
    );
    const port = await systemd.ready();
    const [first, ready] = systemd.told;
    assert.deepEqual(first?.assignments, ['EXTEND_TIMEOUT_USEC=20000000', 'STATUS=starting']);
    assert.deepEqual(ready?.assignments, ['READY=1', 'STATUS=ready, 2 workers, generation 1']);
    const { path } = (await ask(port, '/')).body;
    assert.doesNotMatch(path, /LISTEN_|NOTIFY_SOCKET|WATCHDOG_/);
    systemd.command('signal SIGTERM');
    const { code } = await systemd.waitLine('it ends', (line) => line.exited !== undefined);
    assert.equal(code, 0);
    const stopping = systemd.told.filter(({ assignments }) => assignments.includes('STOPPING=1'));
    assert.equal(stopping.length, 1);
    assert.ok(stopping[0]?.assignments.includes('EXTEND_TIMEOUT_USEC=11000000'));
  });

  it('R23: a reload is RELOADING with its moment, then READY, also where it fails', async (test) => {
    const systemd = new FakeSystemd(test);
    await systemd.ready();
    for (const [code, status] of [
      [undefined, /^STATUS=ready, 1 worker, generation 2$/],
      [applicationThatThrows, /^STATUS=ready, 1 worker, generation 2; the reload to generation 3 failed$/],
    ] as const) {
      if (code !== undefined) systemd.deploy(code);
      const since = systemd.told.length;
      const signals = systemd.lines.filter((line) => line.signalled !== undefined).length;
      systemd.command('signal SIGHUP');
      const reloading = await systemd.waitTold('RELOADING=1', since);
      const ready = await systemd.waitTold('READY=1', since);
      const signalled = systemd.lines.filter((line) => line.signalled !== undefined)[signals];
      const moment = Number(/MONOTONIC_USEC=(\d+)/.exec(reloading.assignments.join())?.[1]);
      assert.ok(moment >= Number(signalled?.us) && moment <= reloading.us, `${moment}`);
      assert.match(ready.assignments[1] ?? '', status);
    }
  });

  it('R23: a sign of life comes at half of WATCHDOG_USEC', async (test) => {
    const systemd = new FakeSystemd(test, { WATCHDOG_USEC: '1000000' });
    await systemd.ready();
    const beats = (): readonly number[] =>
      systemd.told.flatMap(({ us, assignments }) => (assignments.includes('WATCHDOG=1') ? [us] : []));
    await until('there are five', () => beats().length >= 5);
    const gaps = beats()
      .slice(1)
      .map((us, index) => us - (beats()[index] ?? 0));
    assert.ok(Math.min(...gaps) > 300_000, `too often: ${gaps}`);
    assert.ok((gaps.toSorted((a, b) => a - b)[1] as number) < 1_000_000, `too late: ${gaps}`);
  });

  it('R23: a restart under load loses nothing: the socket and its queue stay with systemd', async (test) => {
    const systemd = new FakeSystemd(test, {}, { workers: 2 });
    const load = new Load(await systemd.ready(), { keepAlive: 2, fresh: 4, thoughtful: 2 });
    for (let n = 1; n <= 2; n++) {
      const since = systemd.told.length;
      systemd.command('restart');
      await systemd.waitTold('STOPPING=1', since);
      await systemd.waitTold('READY=1', since);
    }
    await load.stop();
    assert.deepEqual(load.losses, []);
    assert.ok(load.pids.size > 2, 'workers of several masters answered');
  });

  it('R22, R23: an upgrade tells the new main pid before the old master leaves, and nothing that stops the service', async (test) => {
    const systemd = new FakeSystemd(test, { WATCHDOG_USEC: '2000000' });
    const port = await systemd.ready();
    const load = new Load(port, { keepAlive: 2, fresh: 2, thoughtful: 2 });
    const { status, text } = await control(systemd.controlPath, '/upgrade');
    assert.equal(status, 200, text);
    const { pid } = JSON.parse(text) as { readonly pid: number };
    const [old] = systemd.masterPids;
    const end = await systemd.waitLine('the old master ends', (line) => line.exited === old);
    assert.equal(end.code, 0);
    assert.equal(end.isMain, false);
    const told = await systemd.waitTold(`MAINPID=${pid}`);
    assert.ok(told.us < Number(end.us));
    await load.stop();
    assert.deepEqual(load.losses, []);
    assert.equal(indexOf(systemd, 'STOPPING=1'), -1);
    assert.equal(Number(readFileSync(systemd.pidfile, 'utf8')), pid);
    await systemd.waitTold('WATCHDOG=1', systemd.told.length);
    systemd.command('signal SIGTERM');
    await systemd.waitTold('STOPPING=1');
    await until('the new master ends', () => !isRunning(pid));
  });

  it('R23: without systemd-notify it serves, says once what is missing, and refuses to be upgraded', async (test) => {
    const systemd = new FakeSystemd(test, { PATH: '/nowhere' });
    const line = await systemd.waitLine('it says so', ({ msg }) => msg === 'supervisor not told');
    assert.match(
      String(line.reason),
      /current value is no program systemd-notify in PATH \(package systemd\)$/,
    );
    await systemd.waitLine('it is ready', ({ to }) => to === 'ready');
    const port = Number((await systemd.waitLine('it starts', (one) => one.port !== undefined)).port);
    assert.equal((await ask(port, '/')).status, 200);
    const { status, text } = await control(systemd.controlPath, '/upgrade');
    assert.equal(status, 502);
    assert.match(text, /no program systemd-notify/);
    const [old] = systemd.masterPids;
    const pidIn = (): number => Number(readFileSync(systemd.pidfile, 'utf8'));
    await until('the pid file names the old master again', () => pidIn() === old);
    const successor = systemd.masterPids[1] ?? 0;
    await until('the new master is gone', () => !isRunning(successor));
    assert.equal(pidIn(), old);
    await until(
      'the upgrade is undone',
      async () => !(await get(systemd.controlPath)).includes('backingOut'),
    );
    assert.equal((await ask(port, '/')).status, 200);
    assert.equal(
      systemd.lines.filter(({ msg, pid }) => msg === 'supervisor not told' && pid === old).length,
      1,
    );
  });
});
