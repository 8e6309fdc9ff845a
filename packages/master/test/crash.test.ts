import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { it } from 'node:test';
import { application, applicationThatThrows, MasterProcess, until } from './support/master-process.ts';
import { ask, Load } from './support/requests.ts';

it('R3: a hundred queued connections survive the death of the only worker', async (test) => {
  const master = new MasterProcess(test, { workers: 1 });
  const port = await master.ready();
  const [worker] = (await master.status()).workers;
  await master.block(port);
  const answers = Array.from({ length: 100 }, (_, n) => ask(port, `/?n=${n}`, false, 'x'.repeat(100)));
  // Connected is in the queue: nobody accepts.
  await until('all are connected', () => countQueued(port) >= 100);
  process.kill(worker?.pid ?? 0, 'SIGKILL');
  const results = await Promise.allSettled(answers);
  assert.deepEqual(
    results.filter((result) => result.status === 'rejected'),
    [],
  );
  assert.ok(
    results.every((result) => result.status === 'fulfilled' && result.value.body.pid !== worker?.pid),
  );
});

it('R17: a crash is noticed within 100 ms and replaced, the siblings serve on', async (test) => {
  const master = new MasterProcess(test);
  const port = await master.ready();
  const [victim, sibling] = (await master.status()).workers;
  const killedAt = Date.now();
  process.kill(victim?.pid ?? 0, 'SIGKILL');
  const line = await master.waitLog((line) => line.msg === 'worker crashed');
  test.diagnostic(`noticed after ${line.time - killedAt} ms`);
  assert.ok(line.time - killedAt <= 100, `after ${line.time - killedAt} ms`);
  assert.deepEqual([line.pid, line.signal], [victim?.pid, 'SIGKILL']);
  assert.equal((await ask(port, '/')).status, 200);
  await until('two are ready', async () => {
    const { workers, state } = await master.status();
    return state === 'ready' && workers.filter((worker) => worker.state === 'ready').length === 2;
  });
  assert.ok((await master.status()).workers.some((worker) => worker.pid === sibling?.pid));
});

it('R15: R16: a respawned worker that fails at boot backs off, degrades the pool, and floods no log', async (test) => {
  const master = new MasterProcess(test);
  const port = await master.ready();
  const [victim, sibling] = (await master.status()).workers;
  const load = new Load(port, { keepAlive: 1, fresh: 1 });
  master.deploy(applicationThatThrows);
  await load.stop();
  process.kill(victim?.pid ?? 0, 'SIGKILL');
  const tries = (): readonly number[] =>
    master.log.flatMap((line) => (typeof line.retryInMs === 'number' ? [line.retryInMs] : []));
  const after = new Load(port, { keepAlive: 1, fresh: 1 });
  await until('it has failed four times', () => tries().length >= 4);
  assert.deepEqual(tries().slice(0, 4), [0, 1500, 2250, 3375]);
  const status = await master.status();
  assert.deepEqual([status.state, status.crashes], ['degraded', 4]);
  assert.deepEqual(
    status.workers.map((worker) => worker.pid),
    [sibling?.pid],
  );
  assert.ok(master.log.length < 80, `${master.log.length} log lines`);
  await after.stop();
  assert.deepEqual(after.losses, []);
  master.deploy(application);
  assert.equal((await master.control('POST', '/reload')).status, 200);
  assert.equal((await master.status()).state, 'ready');
});

it('a first worker that cannot start ends the master with its own reason', async (test) => {
  const master = new MasterProcess(test, {}, applicationThatThrows);
  const { error } = await master.outcome;
  assert.equal(error?.code, 'entryUnusable');
  assert.match(error?.message ?? '', /the new code is broken/);
  assert.deepEqual(await master.ended, { code: 3, signal: null });
});

it("a worker that somebody terminates behind the master's back is replaced, is no crash, and loses nothing", async (test) => {
  const master = new MasterProcess(test);
  const load = new Load(await master.ready(), { keepAlive: 2, thoughtful: 4, fresh: 2 });
  const [victim] = (await master.status()).workers;
  process.kill(victim?.pid ?? 0, 'SIGTERM');
  await until('two others are ready', async () => {
    const { workers } = await master.status();
    const isWhole = workers.length === 2 && workers.every((worker) => worker.state === 'ready');
    return isWhole && workers.every((worker) => worker.pid !== victim?.pid);
  });
  await load.stop();
  assert.deepEqual(load.losses, []);
  assert.equal((await master.status()).crashes, 0);
});

it('a ready worker that falls silent is killed and replaced', async (test) => {
  const master = new MasterProcess(test, { heartbeatTimeoutMs: 2000 });
  const port = await master.ready();
  await master.block(port);
  const killed = await master.waitLog((line) => line.msg === 'worker killed');
  assert.equal(killed.reason, 'silent');
  await until('two are ready', async () => {
    const { workers } = await master.status();
    return workers.filter((worker) => worker.state === 'ready' && worker.pid !== killed.pid).length === 2;
  });
});

it('a master that was frozen longer than the heartbeat timeout kills no healthy worker', async (test) => {
  const master = new MasterProcess(test, { heartbeatTimeoutMs: 2000, workers: 1 });
  const port = await master.ready();
  const { pid } = (await ask(port, '/')).body;
  master.signal('SIGSTOP');
  const slow = await ask(port, '/slow?ms=3500');
  master.signal('SIGCONT');
  assert.equal(slow.body.pid, pid);
  await until('a beat has been read again', async () => (await master.status()).workers[0]?.answered === 2);
  assert.deepEqual(
    (await master.status()).workers.map((worker) => worker.pid),
    [pid],
  );
  assert.ok(!master.log.some((line) => line.msg === 'worker killed'));
});

/** Connections to a listening port that the kernel has completed and nobody accepted. */
function countQueued(port: number): number {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  const line = readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .find((text) => new RegExp(`^\\s*\\d+: [0-9A-F]{8}:${hex} [0-9A-F]{8}:0000 0A`).test(text));
  return Number.parseInt(line?.trim().split(/\s+/)[4]?.split(':')[1] ?? '0', 16);
}
