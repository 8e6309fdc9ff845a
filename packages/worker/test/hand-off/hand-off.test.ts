import assert from 'node:assert/strict';
import type { SendHandle } from 'node:child_process';
import { once } from 'node:events';
import { after, type TestContext, test } from 'node:test';
import type { WorkerToMaster } from '@lameduck/core';
import { delay, RawClient } from '../support/raw-client.ts';
import {
  bindSocket,
  reapWorkers,
  type SpawnedWorker,
  type SpawnOptions,
  spawnWorker,
} from '../support/spawn-worker.ts';

after(reapWorkers);

/** Two workers on one socket; the test is their master. */
interface Pair {
  readonly port: number;
  readonly old: SpawnedWorker;
  readonly young: SpawnedWorker;
  /** Passes connections of the old one on as they come, as the master does. */
  relay(): void;
  /** The next connection that the old one offers. */
  offered(): Promise<Offer>;
}

interface Offer {
  readonly connection: number;
  readonly handle: SendHandle & { close(): void };
}

/** The old worker accepts first: the young one is spawned when all clients of the test are there. */
async function spawnOld(
  options: SpawnOptions = {},
): Promise<{ port: number; old: SpawnedWorker; spawnYoung(): Promise<Pair> }> {
  const { handle, port } = bindSocket();
  const all: SpawnOptions = { lingerMs: 20_000, graceMs: 25_000, socket: handle, ...options };
  const old = spawnWorker('pid.ts', all);
  await old.message('ready');
  return { port, old, spawnYoung: async () => pair(port, old, all) };
}

async function pair(port: number, old: SpawnedWorker, options: SpawnOptions): Promise<Pair> {
  const young = spawnWorker('pid.ts', options);
  await young.message('ready');
  const offers: Offer[] = [];
  old.child.on('message', (message: WorkerToMaster, handle) => {
    if (message.type !== 'handOff') return;
    offers.push({ connection: message.connection, handle: handle as Offer['handle'] });
    old.child.emit('offer');
  });
  const pass = (): void => {
    for (const { connection, handle } of offers.splice(0))
      young.child.send({ type: 'adopt', connection }, handle, {}, () => handle.close());
  };
  young.child.on('message', (message: WorkerToMaster) => {
    if (message.type !== 'adopted') return;
    old.tell({ type: 'handedOff', connection: message.connection, isTaken: message.isTaken });
  });
  return {
    port,
    old,
    young,
    relay: () => {
      pass();
      old.child.on('offer', pass);
    },
    offered: async () => {
      if (offers.length === 0) await once(old.child, 'offer', { signal: AbortSignal.timeout(10_000) });
      return offers.shift() ?? assert.fail();
    },
  };
}

async function wrote(worker: SpawnedWorker, text: string): Promise<void> {
  const signal = AbortSignal.timeout(10_000);
  const { stderr } = worker.child;
  while (!worker.stderr().includes(text)) await once(stderr ?? assert.fail(), 'data', { signal });
}

function answer(worker: SpawnedWorker, path: string, bytes = 0): RegExp {
  return new RegExp(`<${worker.child.pid} ${path} ${bytes}>`);
}

/** The connection is open, and was never asked to close. */
function assertOpen(...clients: readonly RawClient[]): void {
  for (const { socket, text } of clients) {
    assert.ok(!socket.destroyed && !socket.readableEnded, `closed after ${JSON.stringify(text)}`);
    assert.doesNotMatch(text, /connection: close/i);
  }
}

function closeAll(test: TestContext, ...clients: readonly RawClient[]): void {
  test.after(() => {
    for (const client of clients) client.close();
  });
}

test('idle connections and ones without a byte move to the sibling; the client sees no close', async (t) => {
  const { port, spawnYoung } = await spawnOld();
  const [used, fresh] = [await RawClient.connect(port), await RawClient.connect(port)];
  closeAll(t, used, fresh);
  used.get('/one');
  await used.received(/one 0>/);
  const { old, young, relay } = await spawnYoung();
  relay();
  old.tell({ type: 'leave' });
  assert.equal(await old.exited, 0);
  used.get('/two');
  fresh.get('/three');
  await used.received(answer(young, '/two'));
  await fresh.received(answer(young, '/three'));
  assertOpen(used, fresh);
});

test('HTTP/1.1 connections of a server that speaks h2c, too, move', async (t) => {
  const { port, spawnYoung } = await spawnOld({ http2: true });
  const client = await RawClient.connect(port);
  closeAll(t, client);
  client.get('/one');
  await client.received(/one 0>/);
  const { old, young, relay } = await spawnYoung();
  relay();
  old.tell({ type: 'leave' });
  assert.equal(await old.exited, 0);
  const body = 'b'.repeat(200_000);
  client.write(`POST /two HTTP/1.1\r\nHost: t\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  await client.received(answer(young, '/two', body.length));
  assertOpen(client);
});

test('an adopted connection is idle, not late with its header, and its keep-alive time starts anew', async (t) => {
  const { port, spawnYoung } = await spawnOld({ keepAliveMs: 2500, environment: { SHORT_DEADLINES: '1' } });
  const client = await RawClient.connect(port);
  closeAll(t, client);
  client.get('/one');
  await client.received(/one 0>/);
  const { old, young, relay } = await spawnYoung();
  relay();
  old.tell({ type: 'leave' });
  assert.equal(await old.exited, 0);
  const movedAt = performance.now();
  await delay(2000);
  assertOpen(client);
  client.get('/two');
  await client.received(answer(young, '/two'));
  assert.equal(await client.ended, 'end');
  const ms = performance.now() - movedAt;
  assert.ok(ms >= 4400, `closed after ${ms} ms`);
});

test('bytes that arrive while the connection is under way are read by the sibling alone', async (t) => {
  const { port, spawnYoung } = await spawnOld();
  const client = await RawClient.connect(port);
  closeAll(t, client);
  const { old, young, offered, relay } = await spawnYoung();
  old.tell({ type: 'leave' });
  const { connection, handle } = await offered();
  const body = 'b'.repeat(300_000);
  client.write(
    `POST /up HTTP/1.1\r\nHost: t\r\nContent-Length: ${body.length}\r\n\r\n${body.slice(0, 100_000)}`,
  );
  await delay(100);
  young.child.send({ type: 'adopt', connection }, handle, {}, () => handle.close());
  relay();
  client.write(`${body.slice(100_000)}GET /next HTTP/1.1\r\nHost: t\r\n\r\n`);
  await client.received(answer(young, '/up', 300_000));
  await client.received(answer(young, '/next'));
  assert.equal(await old.exited, 0);
  assert.doesNotMatch(old.stderr(), /began/);
  assertOpen(client);
});

test('a request under way is answered by its worker without Connection: close, then its connection moves', async (t) => {
  const { port, spawnYoung } = await spawnOld();
  const client = await RawClient.connect(port);
  closeAll(t, client);
  client.get('/slow?ms=900');
  const { old, young, relay } = await spawnYoung();
  await wrote(old, 'began /slow');
  relay();
  old.tell({ type: 'leave' });
  await old.message('draining');
  client.write('GET /piped HTTP/1.1\r\nHost: t\r\n\r\n');
  await client.received(answer(old, '/slow'));
  await client.received(answer(old, '/piped'));
  assert.equal(await old.exited, 0);
  client.get('/next');
  await client.received(answer(young, '/next'));
  assertOpen(client);
});

for (const [what, first] of [
  ['a half-sent header', ''],
  ['a header begun in the packet of the request before', 'GET /first HTTP/1.1\r\nHost: t\r\n\r\n'],
] as const) {
  test(`${what} stays where it was read until it is answered, and no byte is lost`, async (t) => {
    const { port, spawnYoung } = await spawnOld();
    const [client, other] = [await RawClient.connect(port), await RawClient.connect(port)];
    closeAll(t, client, other);
    const { old, young, relay } = await spawnYoung();
    client.write(`${first}GET /half?ms=0 HTTP/1.1\r\nHo`);
    if (first !== '') await client.received(/first 0>/);
    // What one worker reads it reads in order: once this is answered, the half header has been read.
    other.get('/other');
    await other.received(/other 0>/);
    relay();
    old.tell({ type: 'leave' });
    await old.message('draining');
    await delay(150);
    client.write('st: t\r\n\r\n');
    await client.received(answer(old, '/half'));
    assert.equal(await old.exited, 0);
    client.get('/next');
    await client.received(answer(young, '/next'));
    assertOpen(client);
  });
}

test('a connection that nobody takes is served on by its worker, which asks it to leave from then on', async (t) => {
  const { port, spawnYoung } = await spawnOld();
  const client = await RawClient.connect(port);
  closeAll(t, client);
  const { old, offered } = await spawnYoung();
  old.tell({ type: 'leave' });
  const { connection, handle } = await offered();
  client.get('/here');
  handle.close();
  old.tell({ type: 'handedOff', connection, isTaken: false });
  await client.received(answer(old, '/here'));
  assert.match(client.text, /connection: close/i);
  assert.equal(await client.ended, 'end');
  assert.equal(await old.exited, 0);
});

test('a worker that drains itself refuses to adopt', async (t) => {
  const { port, spawnYoung } = await spawnOld();
  const clients = [await RawClient.connect(port), await RawClient.connect(port)];
  closeAll(t, ...clients);
  const { old, young, offered } = await spawnYoung();
  old.tell({ type: 'leave' });
  const [first, second] = [await offered(), await offered()];
  for (const { connection, handle } of [first, second]) {
    young.child.send({ type: 'adopt', connection }, handle, {}, () => handle.close());
    if (connection !== first.connection) break;
    assert.equal((await young.message('adopted')).isTaken, true);
    young.kill('SIGTERM');
    await young.message('draining');
    young.messages.length = 0;
  }
  assert.deepEqual(await young.message('adopted'), {
    type: 'adopted',
    connection: second.connection,
    isTaken: false,
  });
});

test('a worker whose master is lost never reads again what was under way', async (t) => {
  const { port, spawnYoung } = await spawnOld({ lingerMs: 500 });
  const client = await RawClient.connect(port);
  closeAll(t, client);
  const { old, offered } = await spawnYoung();
  old.tell({ type: 'leave' });
  const { handle } = await offered();
  client.get('/never');
  old.child.disconnect();
  assert.equal(await old.exited, 0);
  assert.doesNotMatch(old.stderr(), /began/);
  handle.close();
  assert.notEqual(await client.ended, 'deadline passed');
});

test('a hundred connections move in a window, and both workers count right', async (t) => {
  const { port, spawnYoung } = await spawnOld();
  const clients = await Promise.all(Array.from({ length: 100 }, () => RawClient.connect(port)));
  closeAll(t, ...clients);
  const { old, young, relay } = await spawnYoung();
  let most = 0;
  let open = 0;
  old.child.on('message', ({ type }: WorkerToMaster) => {
    if (type === 'handOff') most = Math.max(most, ++open);
  });
  young.child.on('message', ({ type }: WorkerToMaster) => {
    if (type === 'adopted') open -= 1;
  });
  relay();
  const startedAt = performance.now();
  old.tell({ type: 'leave' });
  assert.equal(await old.exited, 0);
  t.diagnostic(
    `100 connections moved and the worker gone in ${Math.round(performance.now() - startedAt)} ms`,
  );
  assert.ok(most <= 3, `${most} under way at once`);
  const last = old.messages.findLast((message) => message.type === 'beat');
  assert.equal(last?.type === 'beat' ? last.counts.open : undefined, 0);
  young.messages.length = 0;
  const { counts } = await young.message('beat');
  assert.deepEqual([counts.open, counts.idle], [100, 100]);
  for (const client of clients) client.get('/again');
  for (const client of clients) await client.received(answer(young, '/again'));
  assertOpen(...clients);
});
