import assert from 'node:assert/strict';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { it } from 'node:test';
import type { MasterOptions } from '../src/index.ts';
import { MasterProcess, until } from './support/master-process.ts';
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
  const master = new MasterProcess(test, { workers: 1, heartbeatTimeoutMs: budgetMs }, busy);
  const port = await master.ready();
  const answer = await ask(port, `/?ms=${budgetMs / 4}`);
  assert.equal(answer.status, 200);
  assert.deepEqual(
    [(await master.status()).workers[0]?.pid, (await master.status()).crashes],
    [answer.body.pid, 0],
  );
});

it('R21: one that computes beyond the hang budget is killed after it, with its stack in the log', async (test) => {
  const master = new MasterProcess(test, { workers: 1, heartbeatTimeoutMs: budgetMs }, busy);
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

it('R21: where a worker stands is told for a regular expression and for Atomics.wait, too', async (test) => {
  const blocks = `
export default (request, _response) => {
  if (request.url === '/regex') /^(a+)+$/.test('a'.repeat(40) + 'b');
  else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
};`;
  const master = new MasterProcess(test, { workers: 2, heartbeatTimeoutMs: budgetMs }, blocks);
  const port = await master.ready();
  for (const [path, place] of [
    ['/regex', /^RegExp\.test/],
    ['/wait', /^Atomics\.wait/],
  ] as const) {
    const since = master.log.length;
    const lost = ask(port, path).catch(() => undefined);
    const line = await master.waitLog((one) => one.msg === 'worker killed', since);
    assert.match((line.stack as readonly string[])[0] ?? '', place);
    await lost;
  }
});

it('R21: without hangStack, and where SIGUSR1 would end a worker, it is killed after the same time, without a stack', async (test) => {
  const without: readonly Partial<MasterOptions>[] = [
    { hangStack: false },
    { environment: { ...process.env, NODE_OPTIONS: '--disable-sigusr1' } },
  ];
  for (const options of without) {
    const master = new MasterProcess(test, { workers: 1, heartbeatTimeoutMs: budgetMs, ...options }, busy);
    const port = await master.ready();
    const startedAt = performance.now();
    const lost = ask(port, '/?ms=60000').catch(() => undefined);
    const line = await master.waitLog((one) => one.msg === 'worker killed');
    assert.deepEqual([line.reason, line.stack], ['silent', undefined]);
    assert.ok(performance.now() - startedAt >= budgetMs - 1200);
    await lost;
  }
});

it('a worker that outlives its being asked goes on serving, and its inspector is closed', async (test) => {
  const master = new MasterProcess(test, { workers: 1, heartbeatTimeoutMs: budgetMs }, busy);
  const port = await master.ready();
  // Asked after two seconds without a beat, killed after three.
  const { body } = await ask(port, `/?ms=${budgetMs * 0.8}`);
  await until('it beats again', async () => (await ask(port, '/?ms=0')).status === 200);
  assert.deepEqual(listeningPorts(body.pid), [port]);
  assert.equal((await master.status()).crashes, 0);
});

/** The TCP ports that a process listens on, as the kernel tells. */
function listeningPorts(pid: number): readonly number[] {
  const own = new Set(
    readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      const [, inode] = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`)) ?? [];
      return inode === undefined ? [] : [inode];
    }),
  );
  const rows = readFileSync(`/proc/${pid}/net/tcp`, 'utf8').trim().split('\n').slice(1);
  return rows
    .map((row) => row.trim().split(/\s+/))
    .filter((row) => row[3] === '0A' && own.has(row[9] ?? ''))
    .map((row) => Number.parseInt(row[1]?.split(':')[1] ?? '', 16));
}
