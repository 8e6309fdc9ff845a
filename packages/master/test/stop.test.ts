import assert from 'node:assert/strict';
import { it } from 'node:test';
import { applicationThatNeverStarts, isRunning, MasterProcess, until } from './support/master-process.ts';
import { ask } from './support/requests.ts';

it('R9: a worker whose event loop is blocked for ever is killed at the deadline; no other request is lost', async (test) => {
  const master = new MasterProcess(test, { graceMs: 3000, killMarginMs: 500 });
  const port = await master.ready();
  await master.block(port);
  const answers = Promise.all(Array.from({ length: 20 }, () => ask(port, '/slow?ms=2500')));
  await until('the other worker has them all', async () =>
    (await master.status()).workers.some((worker) => worker.inFlight === 20),
  );
  const sentAt = Date.now();
  master.signal('SIGTERM');
  assert.equal((await answers).length, 20);
  const killed = await master.waitLog((line) => line.msg === 'worker killed');
  test.diagnostic(`killed after ${killed.time - sentAt} ms of 3500`);
  assert.ok(Math.abs(killed.time - sentAt - 3500) <= 250, `killed after ${killed.time - sentAt} ms`);
  assert.equal(killed.reason, 'deadlinePassed');
  assert.ok(master.workerPids.includes(Number(killed.pid)));
  assert.deepEqual(await master.ended, { code: 5, signal: null });
});

it('R18: TERM to the whole group, and again, still ends gracefully', async (test) => {
  const master = new MasterProcess(test);
  const port = await master.ready();
  const answers = Array.from({ length: 4 }, () => ask(port, '/slow?ms=2500'));
  await until('all are in flight', async () => {
    const { workers } = await master.status();
    return workers.reduce((sum, worker) => sum + worker.inFlight, 0) === 4;
  });
  master.signalGroup('SIGTERM');
  await master.waitLog((line) => line.to === 'draining');
  master.signalGroup('SIGTERM');
  master.signal('SIGTERM');
  assert.deepEqual(
    (await Promise.all(answers)).map((answer) => answer.status),
    [200, 200, 200, 200],
  );
  assert.deepEqual(await master.ended, { code: 0, signal: null });
});

for (const signals of [['SIGINT'], ['SIGQUIT'], ['SIGTERM', 'SIGINT']] as const) {
  it(`R18: ${signals.join(' then ')} ends within two seconds, also with a request that takes long`, async (test) => {
    const master = new MasterProcess(test);
    const port = await master.ready();
    ask(port, '/slow?ms=30000').catch(() => undefined);
    await until('it is in flight', async () => {
      const { workers } = await master.status();
      return workers.some((worker) => worker.inFlight === 1);
    });
    const sentAt = performance.now();
    for (const signal of signals) {
      master.signal(signal);
      await master.waitLog((line) => line.msg === 'signal received' && line.signal === signal);
    }
    const { signal } = await master.ended;
    const tookMs = performance.now() - sentAt;
    test.diagnostic(`${Math.round(tookMs)} ms`);
    assert.equal(signal, null);
    assert.ok(tookMs <= 2000, `took ${tookMs} ms`);
  });
}

it('R18: a blocked worker does not hold a quick stop', async (test) => {
  const master = new MasterProcess(test);
  await master.block(await master.ready());
  const sentAt = performance.now();
  master.signal('SIGINT');
  await master.ended;
  assert.ok(performance.now() - sentAt <= 2000, `took ${performance.now() - sentAt} ms`);
});

it('R19: after the master was killed its workers answer what they have, leave, and free the port', async (test) => {
  const master = new MasterProcess(test, { graceMs: 2000 });
  const port = await master.ready();
  const answers = Array.from({ length: 4 }, () => ask(port, '/slow?ms=1500'));
  await until('all are in flight', async () => {
    const { workers } = await master.status();
    return workers.reduce((sum, worker) => sum + worker.inFlight, 0) === 4;
  });
  const killedAt = performance.now();
  master.signal('SIGKILL');
  assert.equal((await Promise.all(answers)).length, 4);
  await until('no worker is left', () => !master.workerPids.some(isRunning), 4000);
  test.diagnostic(`workers gone after ${Math.round(performance.now() - killedAt)} ms`);
  assert.ok(performance.now() - killedAt <= 3000);
  const next = new MasterProcess(test, { address: { kind: 'tcp', host: '127.0.0.1', port } });
  assert.equal(await next.ready(), port);
});

it('a stop during boot ends with 0', async (test) => {
  const master = new MasterProcess(test, {}, applicationThatNeverStarts);
  await until(
    'it has a control socket',
    async () => (await master.status().catch(() => undefined)) !== undefined,
  );
  assert.equal((await master.status()).state, 'starting');
  master.signal('SIGTERM');
  assert.deepEqual(await master.ended, { code: 0, signal: null });
});

it('USR1 does not disturb it; TTIN and TTOU change the number of workers', async (test) => {
  const master = new MasterProcess(test, { workers: 1 });
  const port = await master.ready();
  master.signal('SIGUSR1');
  await master.waitLog((line) => line.msg === 'signal received' && line.signal === 'SIGUSR1');
  const readyWorkers = async (): Promise<number> =>
    (await master.status()).workers.filter((worker) => worker.state === 'ready').length;
  master.signal('SIGTTIN');
  await until('there are two', async () => (await readyWorkers()) === 2);
  master.signal('SIGTTOU');
  await until('there is one', async () => (await master.status()).workers.length === 1);
  const since = master.log.length;
  master.signal('SIGTTOU');
  await master.waitLog((line) => line.msg === 'signal received' && line.signal === 'SIGTTOU', since);
  assert.equal((await master.status()).target, 1);
  assert.equal((await ask(port, '/')).status, 200);
});
