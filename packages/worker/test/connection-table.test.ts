import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, beforeEach, test } from 'node:test';
import { attach, counts, inFlight, type RunningServer, requestSignal } from '../src/index.ts';
import { RawClient } from './support/raw-client.ts';

const server = createServer();
let running: RunningServer;
let port = 0;
let handle: (request: IncomingMessage, response: ServerResponse) => void = () => undefined;

before(async () => {
  server.on('request', (request, response) => handle(request, response));
  running = attach(server, { exit: false, handleSignals: false, lingerMs: 0, graceMs: 500 });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
});

beforeEach(() => {
  handle = (_request, response) => response.end('ok');
});

after(async () => {
  await running.drain();
});

/** Resolves when it is true; looks once in each turn of the loop. */
async function eventually(isTrue: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!isTrue()) {
    assert.ok(performance.now() < deadline, `never became true: ${isTrue}: ${JSON.stringify(counts())}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Resolves when the server has closed all of its connections. */
function quiet(): Promise<void> {
  return eventually(() => counts().open === 0);
}

test('counts see an open, an idle and a busy connection', async () => {
  handle = (request, response) => {
    if (request.url === '/ok') response.end('ok');
  };
  const idle = await RawClient.connect(port);
  const busy = await RawClient.connect(port);
  idle.get('/ok');
  await idle.received(/ok$/);
  const begun = once(server, 'request');
  busy.get('/wait');
  await begun;
  const { answered, ...rest } = counts();
  assert.deepEqual(rest, { open: 2, idle: 1, sessions: 0, inFlight: 1 });
  assert.ok(answered >= 1);
  assert.equal(inFlight(), 1);
  idle.close();
  busy.close();
  await quiet();
});

test('counts return to 0 after clients abort: in a handler, in an upload, in a download, while pipelining', async () => {
  const signals: AbortSignal[] = [];
  handle = (request, response) => {
    signals.push(requestSignal(request));
    if (request.url === '/download') response.write(Buffer.alloc(8 * 1024 * 1024));
  };
  const requests = [
    'GET /wait HTTP/1.1\r\nHost: test\r\n\r\n',
    'POST /upload HTTP/1.1\r\nHost: test\r\nContent-Length: 100000\r\n\r\nsome',
    'GET /download HTTP/1.1\r\nHost: test\r\n\r\n',
    'GET /a HTTP/1.1\r\nHost: test\r\n\r\nGET /b HTTP/1.1\r\nHost: test\r\n\r\n',
    'GET /old HTTP/1.0\r\n\r\n',
  ];
  const clients = await Promise.all(requests.map(() => RawClient.connect(port)));
  for (const [index, client] of clients.entries()) client.write(requests[index] ?? '');
  await eventually(() => inFlight() === 6);
  for (const client of clients) client.close();
  await quiet();
  assert.deepEqual({ ...counts(), answered: 0 }, { open: 0, idle: 0, sessions: 0, inFlight: 0, answered: 0 });
  assert.equal(signals.length, 6);
  assert.ok(signals.every((signal) => signal.aborted));
});

test('the signal of a request that is answered is never aborted, and is the same at each call', async () => {
  let signal: AbortSignal | undefined;
  handle = (request, response) => {
    signal = requestSignal(request);
    assert.equal(requestSignal(request), signal);
    response.end('ok');
  };
  const client = await RawClient.connect(port);
  client.get('/ok');
  await client.received(/ok$/);
  client.close();
  await quiet();
  assert.equal(signal?.aborted, false);
});

test('pipelined and keep-alive requests are each counted once', async () => {
  const before = counts().answered;
  const client = await RawClient.connect(port);
  client.write('GET /1 HTTP/1.1\r\nHost: test\r\n\r\n'.repeat(5));
  await eventually(() => counts().answered === before + 5);
  client.get('/6');
  await eventually(() => counts().answered === before + 6);
  assert.equal(inFlight(), 0);
  client.close();
  await quiet();
  assert.equal(counts().answered, before + 6);
});

test('a CONNECT tunnel is a session, not in flight, until its socket closes', async () => {
  server.once('connect', (_request, socket) => {
    socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
    socket.resume().on('end', () => socket.end());
  });
  const client = await RawClient.connect(port);
  client.write('CONNECT shop.example:443 HTTP/1.1\r\nHost: shop.example\r\n\r\n');
  await client.received(/200 Connection Established/);
  const { open, idle, sessions, inFlight: begun } = counts();
  assert.deepEqual({ open, idle, sessions, begun }, { open: 1, idle: 0, sessions: 1, begun: 0 });
  client.close();
  await quiet();
  assert.equal(counts().sessions, 0);
});

test('counts stay exact when connections leave in any order, and what is left is aborted', async () => {
  const signals = new Map<string | undefined, AbortSignal>();
  handle = (request) => void signals.set(request.url, requestSignal(request));
  const clients = await Promise.all([0, 1, 2, 3, 4].map(() => RawClient.connect(port)));
  for (const [index, client] of clients.entries()) client.get(`/${index}`);
  await eventually(() => inFlight() === 5);
  for (const [count, index] of [0, 4, 2, 1, 3].entries()) {
    clients[index]?.close();
    await eventually(() => counts().open === 4 - count);
    assert.equal(inFlight(), 4 - count);
    assert.equal(signals.get(`/${index}`)?.aborted, true);
    assert.equal([...signals.values()].filter((signal) => signal.aborted).length, count + 1);
  }
});

test('nothing is added to a response while the server serves', async () => {
  let listeners = -1;
  handle = (_request, response) => {
    listeners = response.listenerCount('close');
    response.end('ok');
  };
  const client = await RawClient.connect(port);
  client.get('/ok');
  await client.received(/ok$/);
  assert.equal(listeners, 0);
  client.close();
  await quiet();
});
