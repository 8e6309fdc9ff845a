import assert from 'node:assert/strict';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { it } from 'node:test';
import type { MasterOptions } from '../src/index.ts';
import { MasterProcess, until } from './support/master-process.ts';
import { ask } from './support/requests.ts';

/** As in R21, 10 : 1. */
const budgetMs = 3000;

const busy = `
import { setTimeout as wait } from 'node:timers/promises';
export default async (request, response) => {
  const query = new URL(request.url, 'http://x').searchParams;
  if (query.has('after')) await wait(Number(query.get('after')));
  computeAllDigits(Number(query.get('ms')));
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

it('R21: a loop that is blocked for less than the budget is left alone, however long after a beat it began', async (test) => {
  const master = new MasterProcess(test, { workers: 1, heartbeatTimeoutMs: budgetMs }, busy);
  const port = await master.ready();
  const pid = await justAfterBeat(master, port);
  const answer = await ask(port, `/?after=900&ms=${budgetMs - 400}`);
  assert.equal(answer.body.pid, pid);
  await justAfterBeat(master, port);
  assert.deepEqual([(await master.status()).workers[0]?.pid, (await master.status()).crashes], [pid, 0]);
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
  assert.ok(tookMs >= budgetMs, `killed after ${tookMs} ms`);
  assert.ok(tookMs < budgetMs + 2500, `killed after ${tookMs} ms`);
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
    assert.ok(performance.now() - startedAt >= budgetMs);
    await lost;
  }
});

it('a worker that outlives its being asked goes on serving, and its inspector is closed', async (test) => {
  const master = new MasterProcess(test, { workers: 1, heartbeatTimeoutMs: budgetMs }, busy);
  const port = await master.ready();
  await justAfterBeat(master, port);
  // Asked after three seconds without a beat, killed after four.
  const { body } = await ask(port, `/?ms=${budgetMs + 300}`);
  await until('it beats again', async () => (await ask(port, '/?ms=0')).status === 200);
  await until('its inspector is closed', () => String(listeningPorts(body.pid)) === String(port));
  assert.equal((await master.status()).crashes, 0);
});

/** Resolves with the only worker's pid when its answer has been counted in a beat. */
async function justAfterBeat(master: MasterProcess, port: number): Promise<number> {
  const answered = async (): Promise<number> => (await master.status()).workers[0]?.answered ?? 0;
  const before = await answered();
  const { body } = await ask(port, '/?ms=0');
  await until('it has beaten', async () => (await answered()) > before);
  return body.pid;
}

/** The TCP ports that a process listens on, as the kernel tells. */
function listeningPorts(pid: number): readonly number[] {
  const own = new Set(
    readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      const [, inode] = /^socket:\[(\d+)\]$/.exec(targetOf(`/proc/${pid}/fd/${fd}`)) ?? [];
      return inode === undefined ? [] : [inode];
    }),
  );
  const rows = readFileSync(`/proc/${pid}/net/tcp`, 'utf8').trim().split('\n').slice(1);
  return rows
    .map((row) => row.trim().split(/\s+/))
    .filter((row) => row[3] === '0A' && own.has(row[9] ?? ''))
    .map((row) => Number.parseInt(row[1]?.split(':')[1] ?? '', 16));
}

/** Empty for a descriptor that has been closed meanwhile. */
function targetOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
