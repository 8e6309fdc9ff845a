import assert from 'node:assert/strict';
import { it } from 'node:test';
import { MasterProcess } from './support/master-process.ts';
import { ask } from './support/requests.ts';

/** As in R21, 10 : 1. */
const budgetMs = 3000;

const busy = `
export default (request, response) => {
  const ms = Number(new URL(request.url, 'http://x').searchParams.get('ms'));
  computeAllDigits(ms);
  response.end(JSON.stringify({ pid: process.pid, path: request.url }));
};
function computeAllDigits(ms) {
  const end = Date.now() + ms;
  while (Date.now() < end) Math.sqrt(end);
}`;

it('R21: a handler that computes for a quarter of the hang budget is answered; its worker lives', async (test) => {
  const master = new MasterProcess(test, { workers: 1, heartbeatTimeoutMs: budgetMs, hangStack: true }, busy);
  const port = await master.ready();
  const answer = await ask(port, `/?ms=${budgetMs / 4}`);
  assert.equal(answer.status, 200);
  assert.deepEqual(
    [(await master.status()).workers[0]?.pid, (await master.status()).crashes],
    [answer.body.pid, 0],
  );
});

it('R21: one that computes beyond the hang budget is killed after it, with its stack in the log', async (test) => {
  const master = new MasterProcess(test, { workers: 1, heartbeatTimeoutMs: budgetMs, hangStack: true }, busy);
  const port = await master.ready();
  const startedAt = performance.now();
  const lost = ask(port, '/?ms=60000').then(
    () => assert.fail('it was answered'),
    () => performance.now() - startedAt,
  );
  const line = await master.waitLog((one) => one.msg === 'worker killed');
  const tookMs = await lost;
  test.diagnostic(`killed after ${Math.round(tookMs)} ms, stack taken after ${line.blockedMs} ms`);
  assert.equal(line.reason, 'silent');
  const stack = line.stack as readonly string[];
  assert.match(stack[0] ?? '', /^computeAllDigits \(file:.*app\.mjs:\d+:\d+\)$/);
  assert.match(stack[1] ?? '', /app\.mjs:\d+:\d+\)$/);
  // The last beat came up to a second before the handler began.
  assert.ok(tookMs >= budgetMs - 1200, `killed after ${tookMs} ms`);
  assert.equal((await ask(port, '/?ms=0')).status, 200, 'the replacement serves');
});

it('R21: without hangStack it is killed just the same, without a stack', async (test) => {
  const master = new MasterProcess(test, { workers: 1, heartbeatTimeoutMs: budgetMs }, busy);
  const lost = ask(await master.ready(), '/?ms=60000').catch(() => undefined);
  const line = await master.waitLog((one) => one.msg === 'worker killed');
  assert.deepEqual([line.reason, line.stack], ['silent', undefined]);
  await lost;
});
