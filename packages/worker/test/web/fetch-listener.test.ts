import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { type RunningServer, serve } from '../../src/index.ts';
import { fetchText, RawClient } from '../support/raw-client.ts';

let running: RunningServer;
let port = 0;
/** What the handler of `/aborted` saw. */
let abortSeen: Promise<string> = Promise.resolve('');
let cancelSeen: Promise<string> = Promise.resolve('');

const encoder = new TextEncoder();

function endless(onCancel: () => void): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start: (controller) => controller.enqueue(encoder.encode('first')),
    cancel: onCancel,
  });
}

const routes: Record<string, (request: Request) => Response | Promise<Response>> = {
  '/hello': () => new Response('hello', { headers: { 'x-own': 'yes' } }),
  '/cookies': () => {
    const headers = new Headers({ 'content-type': 'text/plain' });
    headers.append('set-cookie', 'a=1; Path=/');
    headers.append('set-cookie', 'b=2; Expires=Wed, 21 Oct 2026 07:28:00 GMT');
    return new Response('cookies', { headers });
  },
  '/empty': () => new Response(null, { status: 204 }),
  '/unchanged': () => new Response(null, { status: 304, headers: { etag: '"x"' } }),
  '/teapot': () => new Response('short', { status: 418, statusText: 'Teapot' }),
  '/throws': () => {
    throw new Error('secret reason');
  },
  '/wrong': () => 'no response' as unknown as Response,
  '/echo': (request) => new Response(request.body, { headers: { 'x-method': request.method } }),
  '/length': async (request) => new Response(String((await request.arrayBuffer()).byteLength)),
  '/unread': () => new Response('not read'),
  '/taste': async (request) => {
    const { value } = (await request.body?.getReader().read()) ?? {};
    return new Response(`tasted ${(value?.length ?? 0) > 0}`);
  },
  '/peek': async (request) => {
    const reader = request.body?.getReader();
    const { value } = (await reader?.read()) ?? {};
    await reader?.cancel();
    return new Response(`peeked ${(value?.length ?? 0) > 0}`);
  },
  '/url': (request) => new Response(request.url),
  '/headers': (request) => new Response(request.headers.get('x-twice')),
  '/endless': () => {
    const { promise, resolve } = Promise.withResolvers<string>();
    cancelSeen = promise;
    return new Response(endless(() => resolve('cancelled')));
  },
  '/silent': () => new Response(new ReadableStream({}), { headers: { 'content-type': 'text/event-stream' } }),
  '/breaks': () => {
    const broken = new ReadableStream({
      start: (controller) => controller.enqueue(encoder.encode('half')),
      pull: async (controller) => {
        await new Promise((resolve) => setTimeout(resolve, 50));
        controller.error(new Error('broken on the way'));
      },
    });
    return new Response(broken);
  },
  '/aborted': (request) => {
    const { promise, resolve } = Promise.withResolvers<string>();
    abortSeen = promise;
    request.signal.addEventListener('abort', () => resolve('aborted'));
    return new Promise(() => undefined);
  },
};

before(async () => {
  const fetch = (request: Request) =>
    routes[new URL(request.url).pathname]?.(request) ?? new Response('', { status: 404 });
  running = await serve(
    { fetch },
    { host: '127.0.0.1', exit: false, handleSignals: false, lingerMs: 0, graceMs: 500 },
  );
  port = (running.server.address() as AddressInfo).port;
});

after(async () => {
  await running.drain();
});

test('a short answer carries status, headers and Content-Length', async () => {
  const text = await fetchText(port, '/hello');
  assert.match(text, /^HTTP\/1.1 200 OK\r\n/);
  assert.match(text, /x-own: yes\r\n/i);
  assert.match(text, /content-length: 5\r\n/i);
  assert.match(text, /hello$/);
  assert.match(await fetchText(port, '/teapot'), /^HTTP\/1.1 418 Teapot\r\n/);
});

test('each cookie has its own line', async () => {
  const text = await fetchText(port, '/cookies');
  assert.match(text, /set-cookie: a=1; Path=\/\r\n/i);
  assert.match(text, /set-cookie: b=2; Expires=Wed, 21 Oct 2026 07:28:00 GMT\r\n/i);
});

test('204, 304 and HEAD have no body', async () => {
  assert.match(await fetchText(port, '/empty'), /^HTTP\/1.1 204 [\s\S]*\r\n\r\n$/);
  assert.match(await fetchText(port, '/unchanged'), /^HTTP\/1.1 304 [\s\S]*etag: "x"[\s\S]*\r\n\r\n$/i);
  const client = await RawClient.connect(port);
  client.write('HEAD /hello HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n');
  await client.ended;
  assert.match(client.text, /^HTTP\/1.1 200 OK[\s\S]*\r\n\r\n$/);
});

test('a handler that throws, or gives no Response, is a 500 without its reason', async () => {
  for (const path of ['/throws', '/wrong']) {
    const text = await fetchText(port, path);
    assert.match(text, /^HTTP\/1.1 500 [\s\S]*Internal Server Error\n$/);
    assert.doesNotMatch(text, /secret/);
  }
});

test('a body goes through both ways as a stream', async () => {
  const client = await RawClient.connect(port);
  client.write('POST /echo HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n');
  await client.received(/one/);
  client.write('3\r\ntwo\r\n');
  await client.received(/two/);
  client.write('0\r\n\r\n');
  await client.received(/\r\n0\r\n\r\n$/);
  assert.match(client.text, /x-method: POST/i);
  client.close();
});

test('a large body is counted to its last byte, also with back-pressure', async () => {
  const client = await RawClient.connect(port);
  client.write(
    `POST /length HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: ${8 * 1024 * 1024}\r\n\r\n`,
  );
  client.write(Buffer.alloc(8 * 1024 * 1024));
  await client.ended;
  assert.match(client.text, /\r\n\r\n8388608$/);
});

for (const path of ['/unread', '/peek', '/taste', '/empty']) {
  test(`a body that the handler of ${path} leaves unread does not block the next request`, async () => {
    const client = await RawClient.connect(port);
    client.write(`POST ${path} HTTP/1.1\r\nHost: test\r\nContent-Length: 1000000\r\n\r\n`);
    client.write(Buffer.alloc(1_000_000));
    client.get('/hello');
    await client.received(/hello$/);
    client.close();
  });
}

test('a path that looks like a host stays a path, and a bad Host is a 400', async () => {
  assert.match(await fetchText(port, '//other.host/../url'), /404/);
  const client = await RawClient.connect(port);
  client.write('GET /url HTTP/1.1\r\nHost: shop.example:8080\r\n\r\n');
  await client.received(/http:\/\/shop.example:8080\/url$/);
  client.write('GET /url HTTP/1.1\r\nHost: a/b@c\r\nConnection: close\r\n\r\n');
  await client.ended;
  assert.match(client.text, /HTTP\/1.1 400 Bad Request/);
});

test('a header sent twice arrives joined', async () => {
  const client = await RawClient.connect(port);
  client.write(
    'GET /headers HTTP/1.1\r\nHost: test\r\nX-Twice: a\r\nX-Twice: b\r\nConnection: close\r\n\r\n',
  );
  await client.ended;
  assert.match(client.text, /a, b$/);
});

test('the header of a stream that has nothing to say yet is sent at once', async () => {
  const client = await RawClient.connect(port);
  client.get('/silent');
  await client.received(/text\/event-stream\r\n[\s\S]*\r\n\r\n/);
  client.close();
});

test('a stream that breaks is cut, not ended as if it were whole', async () => {
  const client = await RawClient.connect(port);
  client.get('/breaks');
  await client.ended;
  assert.match(client.text, /half/);
  assert.doesNotMatch(client.text, /\r\n0\r\n\r\n$/);
});

test('a client that goes away aborts the signal of its Request and cancels the stream it was sent', async () => {
  const waiting = await RawClient.connect(port);
  const accepted = once(running.server, 'request');
  waiting.get('/aborted');
  await accepted;
  waiting.close();
  assert.equal(await abortSeen, 'aborted');
  const reading = await RawClient.connect(port);
  reading.get('/endless');
  await reading.received(/first/);
  reading.close();
  assert.equal(await cancelSeen, 'cancelled');
});
