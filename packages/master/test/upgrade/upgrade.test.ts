import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import type { MasterOptions } from '../../src/index.ts';
import {
  application,
  applicationThatThrows,
  isRunning,
  MasterProcess,
  temporaryDirectory,
  until,
} from '../support/master-process.ts';
import { ask, assertLedger, Load } from '../support/requests.ts';

/** A master with a pid file, which its successors share. */
function startMaster(
  test: TestContext,
  options: Partial<MasterOptions> = {},
): { readonly master: MasterProcess; readonly pidfile: string } {
  const pidfile = join(temporaryDirectory(test), 'master.pid');
  return { master: new MasterProcess(test, { workers: 1, pidfile, ...options }), pidfile };
}

/** Waits for the end of the first master, which an upgrade that failed would not bring. */
const leaves = (master: MasterProcess): Promise<void> =>
  until('the old master is gone', () => !isRunning(master.pid));

const pidIn = (pidfile: string): number => Number(readFileSync(pidfile, 'utf8'));

it('R22: an upgrade under load loses nothing, leaves no old process, and pid file and control socket follow', async (test) => {
  const { master, pidfile } = startMaster(test, { workers: 2 });
  const port = await master.ready();
  const load = new Load(port, { keepAlive: 4, fresh: 4, thoughtful: 4 });
  let before = master.pid;
  for (let n = 0; n < 3; n++) {
    const { status, body } = await master.control('POST', '/upgrade');
    assert.equal(status, 200, JSON.stringify(body));
    assert.notEqual(body.pid, before);
    assert.equal(pidIn(pidfile), body.pid);
    assert.equal((await master.status()).pid, body.pid);
    await until('the old master is gone', () => !isRunning(before));
    before = body.pid;
  }
  await load.stop();
  assert.deepEqual(load.losses, []);
  assertLedger(master.directory, load.sent);
  assert.ok(load.sent > 100, `only ${load.sent} requests`);
  assert.deepEqual((await master.ended).code, 0);
  assert.equal(load.pids.size, 8, 'two workers of each master answered');
  const { workers } = await master.status();
  assert.deepEqual(
    master.workerPids.filter(isRunning).toSorted(),
    workers.map((worker) => worker.pid).toSorted(),
  );
  process.kill(before, 'SIGTERM');
  await until('the last master is gone', () => !isRunning(before));
  assert.equal(existsSync(pidfile), false);
  assert.equal(existsSync(master.controlPath), false);
});

it('R22: USR2 upgrades', async (test) => {
  const { master, pidfile } = startMaster(test);
  const port = await master.ready();
  master.signal('SIGUSR2');
  await leaves(master);
  assert.notEqual(pidIn(pidfile), master.pid);
  assert.ok(isRunning(pidIn(pidfile)));
  assert.equal((await ask(port, '/')).status, 200);
});

it('R22: a successor that cannot start is reported with its reason, and the old master serves on', async (test) => {
  const { master, pidfile } = startMaster(test);
  const port = await master.ready();
  master.deploy(applicationThatThrows);
  const load = new Load(port, { keepAlive: 2, fresh: 2 });
  const { status, body } = await master.control('POST', '/upgrade');
  assert.equal(status, 502);
  assert.equal(body.error?.code, 'upgradeFailed');
  assert.match(body.error?.message ?? '', /the new code is broken/);
  await load.stop();
  assert.deepEqual(load.losses, []);
  assert.equal(pidIn(pidfile), master.pid);
  await until('the upgrade is undone', async () => (await master.status()).upgrade === undefined);
  assert.equal((await master.status()).pid, master.pid);
  master.deploy(application);
  assert.equal((await master.control('POST', '/upgrade')).status, 200);
});

it('R22: a successor that is killed while it starts changes nothing', async (test) => {
  const { master, pidfile } = startMaster(test);
  const port = await master.ready();
  master.deploy(
    `export const startup = () => new Promise(() => setInterval(() => {}, 1e6));\n${application}`,
  );
  const answer = master.control('POST', '/upgrade');
  await until('the successor has started', () => master.masterPids.length === 2);
  assert.equal((await master.status()).upgrade, 'starting');
  assert.equal((await master.control('POST', '/upgrade')).body.error?.code, 'busy');
  process.kill(master.masterPids[1] ?? 0, 'SIGKILL');
  assert.match((await answer).body.error?.message ?? '', /was ended by SIGKILL/);
  assert.equal((await ask(port, '/')).status, 200);
  assert.equal(pidIn(pidfile), master.pid);
});

it('R22: a successor that does not become ready is removed, and a stop of the old master ends both', async (test) => {
  const { master } = startMaster(test, { readyTimeoutMs: 1000 });
  await master.ready();
  master.deploy(
    `export const startup = () => new Promise(() => setInterval(() => {}, 1e6));\n${application}`,
  );
  const { body } = await master.control('POST', '/upgrade');
  assert.match(body.error?.message ?? '', /not ready within 1000 ms/);
  const answer = master.control('POST', '/upgrade');
  // The first is being undone until its process is gone.
  await answer;
  await until('it is undone', async () => (await master.status()).upgrade === undefined);
  const started = master.masterPids.length;
  const second = master.control('POST', '/upgrade').catch(() => undefined);
  await until('the next successor has started', () => master.masterPids.length === started + 1);
  master.signal('SIGTERM');
  assert.equal((await master.ended).code, 0);
  await second;
  assert.deepEqual(master.masterPids.filter(isRunning), []);
  await until('no worker is left', () => !master.workerPids.some(isRunning));
});

it('R22: a successor that cannot take its office is undone: the old master keeps pid file and control socket', async (test) => {
  const { master, pidfile } = startMaster(test);
  const port = await master.ready();
  const answer = master.control('POST', '/upgrade');
  await until('the successor has started', () => master.masterPids.length === 2);
  // The socket's temporary name is taken by something that cannot be replaced.
  mkdirSync(join(`${master.controlPath}.${master.masterPids[1]}`, 'full'), { recursive: true });
  const { status, body } = await answer;
  assert.equal(status, 502, JSON.stringify(body));
  assert.match(body.error?.message ?? '', /Cannot create control socket/);
  await until('the upgrade is undone', async () => (await master.status()).upgrade === undefined);
  assert.equal((await master.status()).pid, master.pid);
  assert.equal(pidIn(pidfile), master.pid);
  assert.equal((await ask(port, '/')).status, 200);
});

it('R22: the successor gets the environment of the start and what the upgrade adds', async (test) => {
  const { master } = startMaster(test);
  const port = await master.ready();
  master.deploy(
    `export default (q, s) => s.end(JSON.stringify({ color: process.env.COLOR, listen: process.env.LISTEN_FDS, upgrade: process.env.LAMEDUCK_UPGRADE }));`,
  );
  const { status } = await master.control('POST', '/upgrade', { environment: { COLOR: 'blue' } });
  assert.equal(status, 200);
  await leaves(master);
  assert.deepEqual((await ask(port, '/')).body, { color: 'blue' });
  const refused = await master.control('POST', '/upgrade', { environment: { 'A B': 'x' } });
  assert.equal(refused.body.error?.code, 'usage');
});

it('R22: the file of a unix socket stays through an upgrade and goes with the last master', async (test) => {
  const path = join(temporaryDirectory(test), 'app.sock');
  const { master } = startMaster(test, { address: { kind: 'unix', path } });
  await master.ready();
  const { body } = await master.control('POST', '/upgrade');
  await leaves(master);
  assert.ok(existsSync(path));
  assert.equal((await master.status()).address, `unix:${path}`);
  process.kill(body.pid, 'SIGTERM');
  await until('the new master is gone', () => !isRunning(body.pid));
  assert.equal(existsSync(path), false);
});

it('R22: a successor whose old master is killed goes on alone', async (test) => {
  const { master, pidfile } = startMaster(test);
  const port = await master.ready();
  const slow = `export const startup = () => new Promise((done) => setTimeout(done, 1000));\n${application}`;
  master.deploy(slow);
  const answer = master.control('POST', '/upgrade').catch(() => undefined);
  await until('the successor has started', () => master.masterPids.length === 2);
  master.signal('SIGKILL');
  await answer;
  const successor = master.masterPids[1] ?? 0;
  await until('it is in charge', () => existsSync(pidfile) && pidIn(pidfile) === successor);
  await until('it answers', async () => (await master.status().catch(() => undefined))?.pid === successor);
  assert.equal((await ask(port, '/')).status, 200);
});

it('R22: there is no upgrade during a reload', async (test) => {
  const { master } = startMaster(test);
  await master.ready();
  master.deploy(
    `export const startup = () => new Promise(() => setInterval(() => {}, 1e6));\n${application}`,
  );
  master.signal('SIGHUP');
  await until('it reloads', async () => (await master.status()).state === 'reloading');
  const { status, body } = await master.control('POST', '/upgrade');
  assert.equal(status, 409);
  assert.match(body.error?.message ?? '', /a master that is reloading$/);
});

it('lame duck: readiness fails in workers of now and later, everything is served, and an upgrade keeps it', async (test) => {
  const { master } = startMaster(test);
  const port = await master.ready();
  const probe = async (path: string): Promise<number> =>
    (await fetch(`http://127.0.0.1:${port}${path}`)).status;
  assert.equal(await probe('/readyz'), 200);
  assert.equal((await master.control('POST', '/lame-duck')).body.isLameDuck, true);
  await until('readiness fails', async () => (await probe('/readyz')) === 503);
  assert.equal(await probe('/livez'), 200);
  assert.equal((await ask(port, '/')).status, 200);
  await master.control('POST', '/reload');
  assert.equal(await probe('/readyz'), 503);
  await master.control('POST', '/upgrade');
  await leaves(master);
  assert.equal(await probe('/readyz'), 503);
  await master.control('POST', '/lame-duck', { isOn: false });
  await until('readiness is back', async () => (await probe('/readyz')) === 200);
});

it('WINCH without a terminal stops the workers and keeps the queue; HUP brings them back', async (test) => {
  const { master } = startMaster(test);
  const port = await master.ready();
  master.signal('SIGWINCH');
  await until('no worker is left', async () => (await master.status()).workers.length === 0);
  const queued = ask(port, '/');
  master.signal('SIGHUP');
  assert.equal((await queued).status, 200);
  assert.equal((await master.status()).target, 1);
});

it('the pid file names a living master at every moment of an upgrade', async (test) => {
  const { master, pidfile } = startMaster(test);
  await master.ready();
  const answer = master.control('POST', '/upgrade');
  let isDone = false;
  const done = answer.finally(() => {
    isDone = true;
  });
  const seen = new Set<number>();
  while (!isDone) {
    const pid = pidIn(pidfile);
    assert.ok(isRunning(pid), `the pid file names ${pid}, which does not run`);
    seen.add(pid);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await done;
  await leaves(master);
  assert.ok(isRunning(pidIn(pidfile)));
  assert.ok(seen.has(master.pid));
});
