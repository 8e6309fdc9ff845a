import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import { type ClientHttp2Session, connect } from 'node:http2';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { MasterProcess, temporaryDirectory } from './support/master-process.ts';
import { Load } from './support/requests.ts';

/** An unchanged program, CommonJS or not: it has a port of its own and handlers that would cut its requests. */
const program = `
import { createServer } from 'node:http';
const server = createServer(async (request, response) => {
  for await (const _ of request);
  response.end(JSON.stringify({ pid: process.pid, path: request.url }));
});
server.listen(3000, () => process.send('ready'));
process.on('SIGTERM', () => server.close(() => process.exit(0)));
process.on('SIGINT', () => process.exit(0));
`;

test('R1: an unchanged program is reloaded ten times under load and loses no request', async (context) => {
  const options = { worker: { waitReady: true }, lingerMs: 1000, keepAliveMs: 15_000 };
  const master = new MasterProcess(context, options, program);
  const port = await master.ready();
  const load = new Load(port, { keepAlive: 8, fresh: 4, bodyBytes: 16_000 });
  for (let turn = 0; turn < 10; turn += 1)
    assert.equal((await master.control('POST', '/reload')).status, 200);
  await load.stop();
  assert.deepEqual(load.losses, []);
  assert.ok(load.sent > 500, `only ${load.sent} requests`);
  assert.ok(load.pids.size >= 10, `only ${load.pids.size} workers answered`);
  context.diagnostic(`${load.sent} requests, 20 workers replaced, 0 lost`);
  master.signal('SIGTERM');
  assert.deepEqual(await master.ended, { code: 0, signal: null });
});

function askUnix(socketPath: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath, path: '/', agent: false }, (response) => {
      response.resume();
      response.once('end', () => resolve(response.statusCode ?? 0));
    });
    sent.once('error', reject);
    sent.end();
  });
}

test('an unchanged program and an exported application serve on a unix socket, and survive a reload', async (context) => {
  for (const code of [program, undefined]) {
    const path = join(temporaryDirectory(context), 'app.sock');
    const master = new MasterProcess(context, { address: { kind: 'unix', path } }, code);
    await master.ready();
    assert.equal(await askUnix(path), 200);
    const answers: Promise<number>[] = [];
    const load = setInterval(() => answers.push(askUnix(path)), 5);
    assert.equal((await master.control('POST', '/reload')).status, 200);
    clearInterval(load);
    assert.deepEqual(new Set(await Promise.all(answers)), new Set([200]));
    master.signal('SIGTERM');
    assert.equal((await master.ended).code, 0);
  }
});

const keys = fileURLToPath(new URL('../../worker/test/keys/', import.meta.url));
const secure = { certfile: join(keys, 'cert.pem'), keyfile: join(keys, 'key.pem'), http2: true };

/** Requests over one HTTP/2 connection after the other: a new one as soon as the old one was told to leave. */
async function streamUntil(port: number, scheme: string, isOver: () => boolean): Promise<[number, string[]]> {
  const losses: string[] = [];
  let answered = 0;
  let session: ClientHttp2Session | undefined;
  while (!isOver()) {
    if (session === undefined || session.closed || session.destroyed) {
      session = connect(`${scheme}://127.0.0.1:${port}`, { rejectUnauthorized: false });
      session.on('error', () => undefined);
      await once(session, 'connect', { signal: AbortSignal.timeout(10_000) });
      continue;
    }
    const stream = session.request({ ':path': '/' });
    let status = 0;
    stream.on('response', (headers) => {
      status = headers[':status'] ?? 0;
    });
    stream.on('error', () => undefined);
    stream.resume().end();
    // Not `once`: it would reject on the error that is looked at below.
    await new Promise((resolve) => stream.on('close', resolve));
    if (status === 200 && stream.rstCode === 0) answered += 1;
    // Refused: not run. Whoever follows the standard repeats it.
    else if (stream.rstCode !== 7) losses.push(`status ${status}, code ${stream.rstCode}`);
  }
  session?.close();
  return [answered, losses];
}

for (const [scheme, worker] of [
  ['https', secure],
  ['http', { http2: true }],
] as const) {
  test(`R14: three reloads under HTTP/2 load over ${scheme} lose no stream`, async (context) => {
    const master = new MasterProcess(context, { worker });
    const port = await master.ready();
    let isOver = false;
    const loads = Array.from({ length: 6 }, () => streamUntil(port, scheme, () => isOver));
    for (let turn = 0; turn < 3; turn += 1)
      assert.equal((await master.control('POST', '/reload')).status, 200);
    isOver = true;
    const results = await Promise.all(loads);
    assert.deepEqual(
      results.flatMap(([, losses]) => losses),
      [],
    );
    const answered = results.reduce((sum, [count]) => sum + count, 0);
    assert.ok(answered > 20, `only ${answered} answered`);
    master.signal('SIGTERM');
    assert.equal((await master.ended).code, 0);
  });
}

test('R24: the whole node leaves after its pre-stop delay, a reload does without it', async (context) => {
  const master = new MasterProcess(context, { worker: { lameDuckMs: 2500 }, graceMs: 6000 });
  await master.ready();
  const start = performance.now();
  assert.equal((await master.control('POST', '/reload')).status, 200);
  const reloadMs = performance.now() - start;
  assert.ok(reloadMs < 2400 * 2, `the reload took ${reloadMs} ms`);
  const stopAt = performance.now();
  master.signal('SIGTERM');
  assert.equal((await master.ended).code, 0);
  const stopMs = performance.now() - stopAt;
  assert.ok(stopMs >= 2400 && stopMs < 6000, `the stop took ${stopMs} ms`);
});
