import assert from 'node:assert/strict';
import { once } from 'node:events';
import { join } from 'node:path';
import { it } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { MasterProcess } from './support/master-process.ts';
import { assertLedger, Load } from './support/requests.ts';

const keys = fileURLToPath(new URL('../../worker/test/keys/', import.meta.url));
const worker = { certfile: join(keys, 'cert.pem'), keyfile: join(keys, 'key.pem') };

it('R1: HTTPS/1.1 connections that are kept through ten rolling reloads lose no request and run none twice', async (test) => {
  const master = new MasterProcess(test, { worker, lingerMs: 500 });
  const port = await master.ready();
  const load = new Load(port, { keepAlive: 6, thoughtful: 12, fresh: 0, bodyBytes: 16_384, isSecure: true });
  for (let n = 0; n < 10; n++) assert.equal((await master.control('POST', '/reload')).status, 200);
  await load.stop();
  test.diagnostic(`${load.sent} requests, 10 reloads, ${load.losses.length} lost`);
  assert.deepEqual(load.losses, []);
  assertLedger(master.directory, load.sent);
  assert.ok(load.sent > 500, `only ${load.sent} requests`);
  assert.ok(load.pids.size >= 10, `only ${load.pids.size} workers answered`);
});

const lingerMs = 3000;
const get = 'GET / HTTP/1.1\r\nHost: t\r\n\r\n';

/** The head of the next answer; its body comes with it. */
async function answer(socket: TLSSocket): Promise<string> {
  socket.write(get);
  const [data] = (await once(socket, 'data', { signal: AbortSignal.timeout(10_000) })) as [Buffer];
  return data.toString();
}

it('an HTTPS/1.1 connection lingers: a request on it is answered with close, an idle one ends after the window', async (test) => {
  const master = new MasterProcess(test, { worker, workers: 1, lingerMs });
  const port = await master.ready();
  const [asking, idle] = await Promise.all(
    [0, 1].map(async () => {
      const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false });
      test.after(() => socket.destroy());
      socket.on('error', () => undefined);
      await once(socket, 'secureConnect');
      assert.match(await answer(socket), /^HTTP\/1\.1 200[\s\S]*keep-alive/i);
      return socket;
    }),
  );
  assert.ok(asking !== undefined && idle !== undefined);
  const ended = once(idle.resume(), 'close', { signal: AbortSignal.timeout(20_000) });
  const draining = master.waitLog((line) => line.to === 'draining');
  const reload = master.control('POST', '/reload');
  const since = (await draining).time;
  // The worker hears of it a moment after it stands in the master's log.
  let told = await answer(asking);
  for (let more = 100; more > 0 && /^connection: keep-alive/im.test(told); more--)
    told = await answer(asking);
  assert.match(told, /^HTTP\/1\.1 200[\s\S]*connection: close/i);
  await ended;
  const heldMs = Date.now() - since;
  assert.ok(heldMs > lingerMs - 300, `closed after ${heldMs} ms`);
  assert.ok(heldMs < lingerMs + 3000, `closed after ${heldMs} ms`);
  assert.equal((await reload).status, 200);
});
