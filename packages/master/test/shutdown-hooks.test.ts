import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import type { MasterOptions } from '../src/index.ts';
import { application, MasterProcess, until } from './support/master-process.ts';
import { ask } from './support/requests.ts';

/** Requests to `/never` never end; `shutdown` marks its begin, and its end after so long. */
const leaving = (shutdownMs: number): string => `
${application.replace('async (request, response) => {', `async (request, response) => {\n  if (request.url === '/never') return;`)}
export const shutdown = async () => {
  appendFileSync('marks', 'begun ');
  await wait(${shutdownMs});
  appendFileSync('marks', 'done');
};`;

function start(
  test: TestContext,
  shutdownMs: number,
  options: Partial<MasterOptions>,
): { master: MasterProcess; marks: () => string } {
  const master = new MasterProcess(test, { workers: 1, ...options }, leaving(shutdownMs));
  const marks = (): string => readFileSync(join(master.directory, 'marks'), 'utf8');
  return { master, marks };
}

for (const killMarginMs of [500, 2000]) {
  it(`R8: a request that never ends is aborted and named at the deadline, others finish, shutdown() runs, the master kills nobody (margin of ${killMarginMs} ms)`, async (test) => {
    const graceMs = 3000;
    const { master, marks } = start(test, killMarginMs * 0.3, { graceMs, killMarginMs });
    const port = await master.ready();
    const never = ask(port, '/never').then(
      () => assert.fail('it was answered'),
      () => undefined,
    );
    const other = ask(port, '/slow?ms=2500');
    await until('both are in flight', async () => (await master.status()).workers[0]?.inFlight === 2);
    const sentAt = Date.now();
    master.signal('SIGTERM');
    assert.equal((await other).status, 200);
    const aborted = await master.waitLog((line) => line.msg === 'requests aborted');
    await never;
    assert.deepEqual(aborted.aborted, ['GET /never']);
    assert.deepEqual(await master.ended, { code: 5, signal: null });
    const tookMs = Date.now() - sentAt;
    test.diagnostic(`aborted after ${aborted.time - sentAt} ms, ended after ${tookMs} ms`);
    assert.ok(aborted.time - sentAt >= graceMs - 50, `aborted after ${aborted.time - sentAt} ms`);
    assert.ok(tookMs < graceMs + killMarginMs, `ended after ${tookMs} ms`);
    assert.equal(marks(), 'begun done');
    assert.ok(!master.log.some((line) => line.msg === 'worker killed' || line.msg === 'shutdown hooks cut'));
  });
}

it('shutdown() has the whole grace period where no request needs it', async (test) => {
  const { master, marks } = start(test, 2500, { graceMs: 20_000, killMarginMs: 500 });
  await master.ready();
  master.signal('SIGTERM');
  assert.deepEqual(await master.ended, { code: 0, signal: null });
  assert.equal(marks(), 'begun done');
});

it('a shutdown() that hangs is cut by its worker before the master would kill it, and the log and the exit code say so', async (test) => {
  const { master, marks } = start(test, 60_000, { graceMs: 1000, killMarginMs: 2000 });
  await master.ready();
  const sentAt = Date.now();
  master.signal('SIGTERM');
  const cut = await master.waitLog((line) => line.msg === 'shutdown hooks cut');
  test.diagnostic(`cut ${cut.time - sentAt} ms after SIGTERM`);
  // The grace period and six tenths of the margin.
  assert.ok(Number(cut.ms) >= 2100 && Number(cut.ms) < 3000, `cut after ${cut.ms} ms`);
  assert.ok(master.workerPids.includes(Number(cut.pid)));
  assert.deepEqual(await master.ended, { code: 5, signal: null });
  assert.equal(marks(), 'begun ');
  assert.ok(!master.log.some((line) => line.msg === 'worker killed'));
});
