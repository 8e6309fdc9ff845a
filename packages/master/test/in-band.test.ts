import assert from 'node:assert/strict';
import { request } from 'node:http';
import { it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { MasterProcess, until } from './support/master-process.ts';
import { ask } from './support/requests.ts';

const token = 'feed';
const worker = { promiseToken: token };

/** How a GET that the edge has promised to send elsewhere ends: its status, or the code of the error. */
function promised(port: number): Promise<number | string | undefined> {
  return new Promise((resolve) => {
    const headers = { 'X-Lameduck-Retry': token };
    const sent = request({ host: '127.0.0.1', port, agent: false, headers }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    sent.once('error', (error: NodeJS.ErrnoException) => resolve(error.code));
    sent.end();
  });
}

async function begun(master: MasterProcess): Promise<void> {
  master.signal('SIGTERM');
  await master.waitLog((line) => line.msg === 'leaving in-band');
  for (let n = 1; n <= 2; n += 1)
    await master.waitLog((line) => line.to === 'draining' && line.pid === master.workerPids[n - 1]);
}

it('E26: SIGTERM bounces and accepts until the node is quiet, then refuses; what is in flight is answered', async (test) => {
  const master = new MasterProcess(test, { worker, graceMs: 10_000 });
  const port = await master.ready();
  const slow = ask(port, '/slow?ms=3000');
  await until('it is in flight', async () =>
    (await master.status()).workers.some(({ inFlight }) => inFlight === 1),
  );
  await begun(master);
  // the master tells of its own decision; the workers hear of it a moment later
  await until('it bounces', async () => (await promised(port)) === 'ECONNRESET');
  assert.equal((await ask(port, '/x', false, 'a body')).status, 200);
  const quiet = await master.waitLog((line) => line.msg === 'leaving in-band: no longer accepting');
  assert.ok(Number(quiet.quietMs) >= 700, JSON.stringify(quiet));
  await until('connections are refused', async () => (await promised(port)) === 'ECONNREFUSED');
  assert.equal((await slow).status, 200);
  assert.deepEqual(await master.ended, { code: 0, signal: null });
});

it('a node that never becomes quiet stops accepting after half of its grace period', async (test) => {
  const master = new MasterProcess(test, { worker, graceMs: 4000 });
  const port = await master.ready();
  await begun(master);
  let isOver = false;
  const send = async (): Promise<void> => {
    while (!isOver) {
      await ask(port, '/x', false, 'a body').catch(() => undefined);
      await wait(50);
    }
  };
  // Several: no answer that takes long may leave the node quiet.
  const traffic = Promise.all([send(), send(), send(), send()]);
  const line = await master.waitLog(({ msg }) => msg === 'leaving in-band: no longer accepting');
  isOver = true;
  await traffic;
  assert.ok(Number(line.ms) >= 2000 && Number(line.ms) < 4000, JSON.stringify(line));
  assert.deepEqual(await master.ended, { code: 0, signal: null });
});

it('a node that its controller has taken out does not bounce, and one without a promise neither', async (test) => {
  const released = new MasterProcess(test, { worker });
  await released.ready();
  await released.control('POST', '/linger', { ms: 0 });
  const plain = new MasterProcess(test);
  await plain.ready();
  for (const master of [released, plain]) {
    master.signal('SIGTERM');
    assert.deepEqual(await master.ended, { code: 0, signal: null });
    assert.ok(!master.log.some(({ msg }) => msg === 'leaving in-band'));
  }
});

it('a controller that comes back meanwhile and takes the node out ends the waiting', async (test) => {
  const master = new MasterProcess(test, { worker: { ...worker, lameDuckMs: 9000 }, graceMs: 20_000 });
  await master.ready();
  await begun(master);
  await master.control('POST', '/linger', { ms: 0 });
  master.signal('SIGTERM');
  const line = await master.waitLog(({ msg }) => msg === 'leaving in-band: no longer accepting');
  assert.ok(Number(line.ms) < 8000, JSON.stringify(line));
  assert.deepEqual(await master.ended, { code: 0, signal: null });
});

it('a stop asked for over the control socket leaves in-band, too', async (test) => {
  const master = new MasterProcess(test, { worker });
  await master.ready();
  await master.control('POST', '/stop', { mode: 'graceful' });
  await master.waitLog(({ msg }) => msg === 'leaving in-band: no longer accepting');
  assert.deepEqual(await master.ended, { code: 0, signal: null });
});

it('INT hurries a node that bounces', async (test) => {
  const master = new MasterProcess(test, { worker: { ...worker, lameDuckMs: 9000 }, graceMs: 20_000 });
  await master.ready();
  await begun(master);
  const sentAt = performance.now();
  master.signal('SIGINT');
  await master.ended;
  assert.ok(performance.now() - sentAt < 4000);
});
