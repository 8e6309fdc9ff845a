import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, test } from 'node:test';
import { WebSocket } from 'ws';
import { fetchText, RawClient } from './support/raw-client.ts';
import { reapWorkers, type SpawnedWorker, spawnWorker } from './support/spawn-worker.ts';

after(reapWorkers);

interface Peer {
  readonly socket: WebSocket;
  readonly messages: string[];
  readonly closed: Promise<number>;
}

async function connect(port: number): Promise<Peer> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`);
  const messages: string[] = [];
  socket.on('message', (data) => messages.push(String(data)));
  const closed = once(socket, 'close', { signal: AbortSignal.timeout(20_000) }).then(([code]) => code);
  await once(socket, 'open', { signal: AbortSignal.timeout(10_000) });
  return { socket, messages, closed };
}

async function connectAll(worker: SpawnedWorker): Promise<readonly Peer[]> {
  await worker.message('ready');
  return Promise.all(Array.from({ length: 100 }, () => connect(worker.port)));
}

test('R12: of 100 WebSockets each gets 1001 on SIGTERM, behind all messages that were pending', async () => {
  const worker = spawnWorker('ws.ts', { sessionMs: 5000 });
  const peers = await connectAll(worker);
  assert.match(await fetchText(worker.port, '/'), /"sessions":100/);
  worker.child.send('publish');
  await worker.message('draining');
  const start = performance.now();
  assert.deepEqual(new Set(await Promise.all(peers.map((peer) => peer.closed))), new Set([1001]));
  assert.ok(performance.now() - start < 5000);
  for (const { messages } of peers)
    assert.deepEqual(
      messages.map((message) => Number.parseInt(message, 10)),
      [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
    );
  assert.equal(await worker.exited, 0);
});

test('R12: of 100 WebSockets each gets 1012 where siblings go on', async () => {
  const worker = spawnWorker('ws.ts');
  const peers = await connectAll(worker);
  worker.tell({ type: 'leave' });
  assert.deepEqual(new Set(await Promise.all(peers.map((peer) => peer.closed))), new Set([1012]));
  assert.equal(await worker.exited, 0);
});

test('a WebSocket that was told and does not answer is cut at its own budget, long before the grace period', async () => {
  const worker = spawnWorker('websocket.ts', { sessionMs: 500, graceMs: 20_000 });
  await worker.message('ready');
  const client = await RawClient.connect(worker.port);
  client.write(
    'GET /stubborn HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: eA==\r\n\r\n',
  );
  await client.received(/^HTTP\/1.1 101/);
  client.socket.allowHalfOpen = true;
  worker.kill('SIGTERM');
  // Any library: the frame is written on the bare socket.
  await client.received(/\x88..\xe9$/s);
  const start = performance.now();
  assert.equal(await worker.exited, 0);
  const ms = performance.now() - start;
  assert.ok(ms >= 300 && ms < 5000, `took ${ms} ms`);
  client.close();
});

test('a WebSocket that begins during the drain is told at once', async () => {
  const worker = spawnWorker('ws.ts', { lingerMs: 5000 });
  await worker.message('ready');
  const client = await RawClient.connect(worker.port);
  await fetchText(worker.port, '/');
  worker.kill('SIGTERM');
  await worker.message('draining');
  client.write(
    'GET / HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  );
  await client.received(/^HTTP\/1.1 101[\s\S]*\x88..\xe9/s);
  client.close();
  assert.equal(await worker.exited, 0);
});
