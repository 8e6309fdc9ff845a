import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import { request } from 'node:https';
import { connect as connectTcp } from 'node:net';
import path from 'node:path';
import { after, test } from 'node:test';
import { delay, fetchText, RawClient } from './support/raw-client.ts';
import { reapWorkers, type SpawnedWorker, spawnWorker } from './support/spawn-worker.ts';

const clients = new Set<ClientHttp2Session>();
after(async () => {
  for (const client of clients) client.destroy();
  await reapWorkers();
});

const keys = path.resolve(import.meta.dirname, 'keys');
const tls = { certfile: path.join(keys, 'cert.pem'), keyfile: path.join(keys, 'key.pem') };

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly code: number;
}

async function session(worker: SpawnedWorker, scheme = 'https'): Promise<ClientHttp2Session> {
  const client = connect(`${scheme}://127.0.0.1:${worker.port}`, { rejectUnauthorized: false });
  client.on('error', () => undefined);
  clients.add(client);
  await once(client, 'remoteSettings', { signal: AbortSignal.timeout(10_000) });
  return client;
}

function ask(client: ClientHttp2Session, url: string): Promise<Answer> & { stream: ClientHttp2Stream } {
  const stream = client.request({ ':path': url });
  let status = 0;
  let body = '';
  stream.setEncoding('utf8').on('data', (chunk: string) => {
    body += chunk;
  });
  stream.on('response', (headers) => {
    status = headers[':status'] ?? 0;
  });
  stream.on('error', () => undefined);
  const answer = new Promise<Answer>((resolve) => {
    stream.on('close', () => resolve({ status, body, code: stream.rstCode }));
  });
  return Object.assign(answer, { stream });
}

async function started(app: string, options: Parameters<typeof spawnWorker>[1] = {}): Promise<SpawnedWorker> {
  const worker = spawnWorker(app, options);
  await worker.message('ready');
  return worker;
}

for (const [scheme, options] of [
  ['https', { ...tls, http2: true }],
  ['http', { http2: true }],
] as const) {
  test(`R14: over ${scheme} a GOAWAY leaves at once, streams in flight complete, idle sessions close within a second`, async () => {
    const worker = await started('plain.ts', { ...options, lingerMs: 500 });
    const [busy, idle] = await Promise.all([session(worker, scheme), session(worker, scheme)]);
    assert.equal((await ask(busy, '/hello')).body, 'hello');
    assert.match((await ask(busy, '/counts')).body, /"inFlight":1/);
    assert.equal((await ask(busy, '/readyz')).status, 200);
    const slow = ask(busy, '/slow?ms=1500');
    // In the handler, behind it on the connection.
    await ask(busy, '/hello');
    const isIdleClosed = once(idle, 'close', { signal: AbortSignal.timeout(1000) });
    const goAway = once(busy, 'goaway', { signal: AbortSignal.timeout(1000) });
    worker.kill('SIGTERM');
    const [code, last] = await goAway;
    assert.equal(code, constants.NGHTTP2_NO_ERROR);
    if (scheme === 'http') assert.equal(last, 2 ** 31 - 1);
    await isIdleClosed;
    assert.deepEqual(await slow, { status: 200, body: 'slow but whole', code: 0 });
    assert.equal(await worker.exited, 0);
  });

  if (scheme === 'http') {
    test('R14: a client whose connection was silent when the drain began is told after our settings, and answered', async () => {
      const worker = await started('plain.ts', { ...options, lingerMs: 5000 });
      const socket = connectTcp(worker.port, '127.0.0.1');
      await once(socket, 'connect');
      // it has certainly been accepted when a later one has been answered
      await fetchText(worker.port, '/hello');
      worker.kill('SIGTERM');
      await worker.message('draining');
      const client = connect('http://127.0.0.1', { createConnection: () => socket });
      client.on('error', () => undefined);
      clients.add(client);
      assert.deepEqual(await ask(client, '/hello'), { status: 200, body: 'hello', code: 0 });
      assert.equal(await worker.exited, 0);
    });
  }

  const late = scheme === 'http' ? 'are answered' : 'are refused, unprocessed';
  test(`R14: over ${scheme} streams that a client sends before it has read the GOAWAY ${late}`, async () => {
    const worker = await started('plain.ts', { ...options, lingerMs: 500 });
    const clients = await Promise.all(Array.from({ length: 10 }, () => session(worker, scheme)));
    const answers: Promise<Answer>[] = [];
    const isTold = new Set<ClientHttp2Session>();
    for (const client of clients) client.once('goaway', () => isTold.add(client));
    const load = setInterval(() => {
      for (const client of clients)
        if (!client.closed && !client.destroyed) answers.push(ask(client, '/hello'));
    }, 1);
    await delay(300);
    worker.kill('SIGTERM');
    assert.equal(await worker.exited, 0);
    clearInterval(load);
    const all = await Promise.all(answers);
    const lost = all.filter(({ status, body }) => status !== 200 || body !== 'hello');
    assert.ok(lost.every(({ code }) => code === constants.NGHTTP2_REFUSED_STREAM));
    const beat = worker.messages.findLast((message) => message.type === 'beat');
    assert.equal(beat?.counts.answered, all.length - lost.length);
    // Node's client itself gives up a stream that it has not sent yet when the GOAWAY arrives: at most one each.
    if (scheme === 'http')
      assert.ok(lost.length <= clients.length, `${lost.length} of ${all.length} refused`);
    assert.equal(isTold.size, clients.length);
  });
}

test('R14: what outlives the grace period is cut and named, over HTTP/2 too', async () => {
  const worker = await started('plain.ts', { ...tls, http2: true, graceMs: 1000 });
  const client = await session(worker);
  const never = ask(client, '/never');
  while (!worker.stderr().includes('never began'))
    await once(worker.child.stderr ?? assert.fail(), 'data', { signal: AbortSignal.timeout(10_000) });
  worker.kill('SIGTERM');
  assert.equal(await worker.exited, 5);
  assert.deepEqual((await worker.message('drained')).aborted, ['GET /never']);
  assert.notEqual((await never).status, 200);
  assert.match(worker.stderr(), /never saw its signal/);
});

test('R13: an event stream over HTTP/2 is ended at its deadline, whole', async () => {
  const worker = await started('streams.ts', { http2: true, sessionMs: 400, graceMs: 20_000 });
  const client = await session(worker, 'http');
  const stream = ask(client, '/sse');
  await once(stream.stream, 'data', { signal: AbortSignal.timeout(10_000) });
  worker.kill('SIGTERM');
  const { status, code } = await stream;
  assert.deepEqual([status, code], [200, 0]);
  assert.equal(await worker.exited, 0);
});

test('a fetch handler answers over HTTP/2', async () => {
  const worker = await started('fetch-function.ts', { ...tls, http2: true });
  const client = await session(worker);
  assert.deepEqual(await ask(client, '/hello'), { status: 200, body: 'hello /hello', code: 0 });
  worker.kill('SIGTERM');
  assert.equal(await worker.exited, 0);
});

function getSecure(port: number, url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = request(
      { host: '127.0.0.1', port, path: url, rejectUnauthorized: false, agent: false },
      (response) => {
        let text = `${response.headers.connection} `;
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () => resolve(text));
        response.on('error', reject);
      },
    );
    sent.once('error', reject);
    sent.end();
  });
}

test('h2c and HTTP/1.1 share one port', async () => {
  const worker = await started('plain.ts', { http2: true });
  assert.match(await fetchText(worker.port, '/hello'), /^HTTP\/1.1 200[\s\S]*hello$/);
  const client = await session(worker, 'http');
  assert.equal((await ask(client, '/hello')).body, 'hello');
  client.close();
  worker.kill('SIGTERM');
  assert.equal(await worker.exited, 0);
});

for (const [app, options] of [
  ['plain.ts', tls],
  ['plain.ts', { ...tls, http2: true }],
  ['fastify.ts', tls],
  ['server.ts', tls],
] as const) {
  const protocols = 'http2' in options ? 'TLS with HTTP/2 (HTTP/1.1 fallback)' : 'TLS';
  test(`R7: ${app} over ${protocols} answers what is in flight on SIGTERM, and exits 0`, async () => {
    const worker = await started(app, { ...options, lingerMs: 500 });
    assert.match(await getSecure(worker.port, '/hello'), /hello/);
    if (app !== 'server.ts') {
      const slow = getSecure(worker.port, '/slow?ms=700');
      while (!worker.stderr().includes('slow began'))
        await once(worker.child.stderr ?? assert.fail(), 'data', { signal: AbortSignal.timeout(10_000) });
      worker.kill('SIGTERM');
      assert.match(await slow, /^close .*slow but whole/);
    } else worker.kill('SIGTERM');
    assert.equal(await worker.exited, 0);
  });
}

test('an exported HTTP/2 server and an exported https.Server are served as they are', async () => {
  const plain = await started('http2-server.mjs');
  assert.equal((await ask(await session(plain, 'http'), '/')).body, 'hello');
  plain.kill('SIGTERM');
  assert.equal(await plain.exited, 0);
  const secure = await started('https-server.mjs');
  assert.match(await getSecure(secure.port, '/'), /hello$/);
  secure.kill('SIGTERM');
  assert.equal(await secure.exited, 0);
  const twice = spawnWorker('https-server.mjs', tls);
  assert.match((await twice.message('failed')).message, /own TLS or HTTP\/2 was wanted: current value is a/);
  assert.equal(await twice.exited, 3);
});

test('a TLS handshake that is under way is counted, and does not hold the stop', async () => {
  const worker = await started('plain.ts', { ...tls, lingerMs: 300, headerMs: 500 });
  const client = await RawClient.connect(worker.port);
  // The first bytes of a ClientHello, and no more.
  client.write(Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]));
  const counts = JSON.parse((await getSecure(worker.port, '/counts')).replace(/^\S+ /, ''));
  assert.equal(counts.open, 2);
  worker.kill('SIGTERM');
  assert.equal(await worker.exited, 0);
  client.close();
});

test('a certificate that cannot be read is told in one line', async () => {
  const worker = spawnWorker('plain.ts', { certfile: '/nowhere/cert.pem', keyfile: tls.keyfile });
  assert.match(
    (await worker.message('failed')).message,
    /^Cannot read certfile "\/nowhere\/cert.pem": .*current value is ENOENT$/,
  );
  assert.equal(await worker.exited, 3);
});
