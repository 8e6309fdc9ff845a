import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import { type TestContext, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { listenAttached } from './support/attached-server.ts';
import { RawClient } from './support/raw-client.ts';

const keepAliveMs = 1000;

/** Answers at once, or after `?ms`; with `?limit` as the time that this request may take. */
async function start(t: TestContext, onServer?: (server: Server) => void): Promise<number> {
  const server = createServer((request, response) => {
    const { searchParams } = new URL(request.url ?? '/', 'http://test');
    const [ms, limit] = ['ms', 'limit'].map((name) => Number(searchParams.get(name)));
    if (limit !== 0) request.setTimeout(limit ?? 0);
    if (ms === 0) response.end('now');
    else setTimeout(() => response.end('late'), ms);
  });
  const port = await listenAttached(t, server, { keepAliveMs });
  onServer?.(server);
  return port;
}

async function openFor(client: RawClient, since: number): Promise<number> {
  assert.equal(await client.ended, 'end');
  return performance.now() - since;
}

test('a quiet connection is kept as long as its answer says, and closed soon after', async (t) => {
  const client = await RawClient.connect(await start(t));
  client.get('/');
  await client.received(/\r\nKeep-Alive: timeout=1\r\n[\s\S]*now/);
  const ms = await openFor(client, performance.now());
  assert.ok(ms >= keepAliveMs - 5 && ms < 3 * keepAliveMs + 1500, `closed after ${ms} ms`);
});

test('requests, answers that last, and bytes of a header keep it open, each for as long again', async (t) => {
  const port = await start(t);
  const [busy, slow, writing] = await Promise.all([1, 2, 3].map(() => RawClient.connect(port)));
  assert.ok(busy !== undefined && slow !== undefined && writing !== undefined);
  slow.get('/?ms=3500');
  writing.get('/');
  await writing.received(/now/);
  for (const part of ['GET / HT', 'TP/1.1\r\nHo', 'st: test\r\n', 'X: y\r\n', '\r\n']) {
    busy.get('/');
    writing.write(part);
    await pause(0.7 * keepAliveMs);
  }
  const quietAt = performance.now();
  await slow.received(/late/);
  const answeredAt = performance.now();
  assert.equal(busy.text.match(/200 OK/g)?.length, 5);
  assert.equal(writing.text.match(/200 OK/g)?.length, 2);
  const [busyMs, slowMs] = await Promise.all([openFor(busy, quietAt), openFor(slow, answeredAt)]);
  assert.ok(busyMs >= 0.3 * keepAliveMs - 5, `the busy one was closed after ${busyMs} ms`);
  assert.ok(slowMs >= keepAliveMs - 5, `the slow one was closed after ${slowMs} ms`);
  assert.equal(await writing.ended, 'end');
});

test('who sets keepAliveTimeout later has that time', async (t) => {
  const port = await start(t, (server) => {
    server.keepAliveTimeout = 30_000;
  });
  const client = await RawClient.connect(port);
  client.get('/');
  await client.received(/\r\nKeep-Alive: timeout=30\r\n[\s\S]*now/);
  await pause(3 * keepAliveMs);
  assert.equal(client.socket.readyState, 'open');
  client.close();
});

test('the time that a request may take is that of no other, nor of the connection while it is quiet', async (t) => {
  const client = await RawClient.connect(await start(t));
  client.get('/?limit=200');
  await client.received(/now/);
  await pause(400);
  client.get('/?ms=500');
  await client.received(/late/);
  client.get('/?ms=500&limit=200');
  assert.equal(await client.ended, 'end', 'and it holds for the one that has it');
  assert.equal(client.text.match(/200 OK/g)?.length, 2);
});

test('a timeout of the server is kept', async (t) => {
  const port = await start(t, (server) => {
    server.timeout = 600;
  });
  const client = await RawClient.connect(port);
  client.get('/');
  await client.received(/now/);
  await pause(300);
  client.get('/?ms=900');
  assert.equal(await client.ended, 'end');
  assert.doesNotMatch(client.text, /late/);
});
