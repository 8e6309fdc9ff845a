import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { type ClientHttp2Session, connect, constants } from 'node:http2';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ledgerCode, MasterProcess, temporaryDirectory, until } from './support/master-process.ts';
import { ask, assertLedger, bodyOf, Load } from './support/requests.ts';

/** An unchanged program, CommonJS or not: it has a port of its own and handlers that would cut its requests. */
const program = `
${ledgerCode}
import { createServer } from 'node:http';
const server = createServer(async (request, response) => {
  await enter(request);
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
  assertLedger(master.directory, load.sent);
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

interface Streams {
  sent: number;
  /** Not run, says the protocol: whoever follows the standard repeats them. */
  refused: number;
  readonly losses: string[];
}

/** One stream, GET or POST in turns; true when it is answered, false when it was refused. */
function askStream(session: ClientHttp2Session, number: number, losses: string[]): Promise<boolean> {
  const bytes = number % 2 === 0 ? 0 : 16_384;
  const path = `/?n=${number}&bytes=${bytes}`;
  const stream = session.request({ ':method': bytes === 0 ? 'GET' : 'POST', ':path': path });
  let status = 0;
  let text = '';
  stream.on('response', (headers) => {
    status = headers[':status'] ?? 0;
  });
  // Looked at when it is closed.
  stream.on('error', () => undefined);
  stream.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  // A GET has ended with its header.
  if (bytes > 0) stream.end(bodyOf(number, bytes));
  return new Promise((resolve) => {
    stream.on('close', () => {
      const isRefused = stream.rstCode === constants.NGHTTP2_REFUSED_STREAM;
      const isAnswered = status === 200 && stream.rstCode === 0 && text.includes(JSON.stringify(path));
      if (!isRefused && !isAnswered)
        losses.push(`${path}: status ${status}, code ${stream.rstCode}, ${text}`);
      resolve(!isRefused);
    });
  });
}

/** Eight streams at once over one connection after the other: a new one as soon as the old one was told to leave. */
async function streamUntil(url: string, tally: Streams, isOver: () => boolean): Promise<void> {
  let session: Promise<ClientHttp2Session> | undefined;
  async function open(): Promise<ClientHttp2Session> {
    const opened = connect(url, { rejectUnauthorized: false });
    opened.on('error', () => undefined);
    await once(opened, 'connect', { signal: AbortSignal.timeout(10_000) });
    return opened;
  }
  async function current(): Promise<ClientHttp2Session> {
    const before = session;
    const opened = await before;
    if (opened !== undefined && !opened.closed && !opened.destroyed) return opened;
    // Only one of those that find it closed opens the next.
    if (session === before) session = open();
    return current();
  }
  async function run(): Promise<void> {
    while (!isOver()) {
      const number = tally.sent++;
      while (!(await askStream(await current(), number, tally.losses))) tally.refused += 1;
    }
  }
  await Promise.all(Array.from({ length: 8 }, run));
  (await session)?.close();
}

for (const [scheme, worker] of [
  ['https', secure],
  ['http', { http2: true }],
] as const) {
  test(`R14: three reloads under concurrent HTTP/2 streams over ${scheme}, GET and POST, lose none and run none twice`, async (context) => {
    const master = new MasterProcess(context, { worker });
    const port = await master.ready();
    let isOver = false;
    const tally: Streams = { sent: 0, refused: 0, losses: [] };
    const url = `${scheme}://127.0.0.1:${port}`;
    const loads = Array.from({ length: 6 }, () => streamUntil(url, tally, () => isOver));
    for (let turn = 0; turn < 3; turn += 1)
      assert.equal((await master.control('POST', '/reload')).status, 200);
    isOver = true;
    await Promise.all(loads);
    context.diagnostic(`${tally.sent} streams, ${tally.refused} refused and sent again`);
    assert.deepEqual(tally.losses, []);
    // What was refused had not run: it stands there once all the same.
    assertLedger(master.directory, tally.sent);
    assert.ok(tally.sent > 300, `only ${tally.sent} streams`);
    master.signal('SIGTERM');
    assert.equal((await master.ended).code, 0);
  });
}

test('R24: the whole node leaves after its pre-stop delay, a reload does without it', async (context) => {
  const master = new MasterProcess(context, { worker: { lameDuckMs: 2500 }, graceMs: 6000 });
  const port = await master.ready();
  const start = performance.now();
  assert.equal((await master.control('POST', '/reload')).status, 200);
  const reloadMs = performance.now() - start;
  assert.ok(reloadMs < 2400 * 2, `the reload took ${reloadMs} ms`);
  const stopAt = performance.now();
  master.signal('SIGTERM');
  const readiness = async (): Promise<number> => (await ask(port, '/readyz')).status;
  await until('readiness fails', async () => (await readiness()) === 503);
  assert.ok(performance.now() - stopAt < 1000, 'readiness failed late');
  let served = 0;
  for (; performance.now() - stopAt < 2000; served += 1) {
    assert.equal((await ask(port, '/hello')).status, 200);
    assert.equal(await readiness(), 503);
    assert.equal((await ask(port, '/livez')).status, 200);
  }
  assert.ok(served > 5, `only ${served} were asked for`);
  assert.equal((await master.ended).code, 0);
  const stopMs = performance.now() - stopAt;
  assert.ok(stopMs >= 2400 && stopMs < 6000, `the stop took ${stopMs} ms`);
});

test('R24: the control API tells what is open, idle and in flight of each worker that leaves, until all of it is 0', async (context) => {
  const master = new MasterProcess(context, {
    worker: { lameDuckMs: 5500 },
    graceMs: 9000,
    workers: 1,
    handOff: false,
  });
  const port = await master.ready();
  const agent = new Agent({ keepAlive: true });
  const kept = await ask(port, '/hello', agent);
  const slow = ask(port, '/slow?ms=3000');
  master.signal('SIGTERM');
  const counts = async (): Promise<string> => {
    const { workers } = await master.status();
    return workers.map(({ state, open, idle, inFlight }) => [state, open, idle, inFlight].join(' ')).join();
  };
  await until('one is idle and one in flight', async () => (await counts()) === 'draining 2 1 1');
  assert.equal((await slow).body.pid, kept.body.pid);
  agent.destroy();
  await until('nothing is open', async () => (await counts()) === 'draining 0 0 0');
  assert.equal(master.child.exitCode, null);
  assert.equal((await master.ended).code, 0);
});
