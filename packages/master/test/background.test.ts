import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { it, type TestContext } from 'node:test';
import { pino } from 'pino';
import { backgroundWords, followBackground } from '../src/background.ts';
import { application, MasterProcess, until } from './support/master-process.ts';
import { Load } from './support/requests.ts';

const normal = 0;
const idle = 5;
const logger = pino({ level: 'silent' });
/** Long enough to be looked at. */
const slowStart = `${application}\nexport const startup = () => new Promise((r) => setTimeout(r, 300));`;

/** The scheduler's class of each thread (`policy` in /proc/PID/stat). */
function policies(pid: number): readonly number[] {
  return readdirSync(`/proc/${pid}/task`).map((thread) => {
    const text = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8');
    return Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[38]);
  });
}

/** False where this user may not lift a process out of the background. */
async function isPossible(test: TestContext): Promise<boolean> {
  const isFound = await until('chrt', () => backgroundWords().length > 0, 2000).then(
    () => true,
    () => false,
  );
  if (!isFound) test.skip('chrt cannot lift a process here');
  return isFound;
}

async function start(test: TestContext): Promise<ChildProcess & { readonly pid: number }> {
  const [program = '', ...words] = [
    ...backgroundWords(),
    process.execPath,
    '-e',
    'setInterval(() => 0, 1e4)',
  ];
  const child = spawn(program, words, { stdio: 'ignore' });
  test.after(async () => {
    child.kill('SIGKILL');
    if (child.signalCode === null) await once(child, 'exit');
  });
  await until('in the background', () => policies(child.pid ?? 0).includes(idle));
  return child as ChildProcess & { readonly pid: number };
}

it('lifts every thread of a process that was started in the background, at the end and by itself', async (test) => {
  if (!(await isPossible(test))) return;
  const [ended, forgotten] = [await start(test), await start(test)];
  await followBackground(ended.pid, logger).end();
  assert.deepEqual([...new Set(policies(ended.pid))], [normal]);
  followBackground(forgotten.pid, logger);
  assert.ok(policies(forgotten.pid).includes(idle));
  await until('lifted', () => !policies(forgotten.pid).includes(idle), 5000);
});

it('follows a process that is gone', async () => {
  await followBackground(2 ** 22 - 1, logger).end();
});

it('R1: the workers of a reload start in the background and serve as others do; the first ones start as usual', async (test) => {
  if (!(await isPossible(test))) return;
  const master = new MasterProcess(test, {}, slowStart);
  const port = await master.ready();
  const load = new Load(port, { keepAlive: 4, thoughtful: 2, fresh: 2 });
  const first = master.workerPids;
  assert.deepEqual([...new Set(first.flatMap(policies))], [normal]);
  const reloaded = master.control('POST', '/reload');
  await until('a spare worker', () => master.workerPids.length > first.length);
  const spare = master.workerPids.at(-1) ?? 0;
  await until('in the background', () => policies(spare).includes(idle), 900);
  assert.equal((await reloaded).status, 200);
  await load.stop();
  assert.deepEqual(load.losses, []);
  const { workers } = await master.status();
  const serving = workers.filter(({ state }) => state === 'ready').map(({ pid }) => pid);
  assert.equal(serving.length, 2);
  assert.deepEqual([...new Set(serving.flatMap(policies))], [normal]);
});
