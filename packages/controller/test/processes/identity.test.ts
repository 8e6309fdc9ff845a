import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, it } from 'node:test';
import {
  findLiving,
  isOurAncestor,
  parseStat,
  readArguments,
  readBootId,
  readProcess,
  startedAtMs,
} from '../../src/processes/identity.ts';
import { poll } from '../../src/processes/wait.ts';

const deadline = (): AbortSignal => AbortSignal.timeout(10_000);

const folder = mkdtempSync(join(tmpdir(), 'lameduck-identity-'));
after(() => rmSync(folder, { recursive: true, force: true }));

it('the identity of a process is read although the name of the process holds spaces and parentheses', () => {
  const fields = Array.from({ length: 40 }, (_, index) => index + 3);
  const stat = parseStat(`12 (a) S 9 (b) ) R ${fields.slice(1).join(' ')}`);
  assert.deepEqual(stat, { pid: 12, state: 'R', parentPid: 4, processGroup: 5, session: 6, startTime: 22 });
});

it('the identity of a process is read of a real process with such a name', async () => {
  const program = join(folder, 'x) S 1 (y');
  copyFileSync('/bin/sleep', program);
  const child = spawn(program, ['60'], { detached: true });
  await once(child, 'spawn');
  try {
    const found = readProcess(child.pid ?? 0);
    assert.equal(found?.pid, child.pid);
    assert.equal(found?.parentPid, process.pid);
    assert.equal(found?.session, child.pid);
    assert.equal(found?.processGroup, child.pid);
    assert.deepEqual(readArguments(child.pid ?? 0), [program, '60']);
  } finally {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
});

it('damaged text is no process', () => {
  for (const text of ['', 'x', '12 (a', '12 (a) R 1 2 3']) assert.equal(parseStat(text), undefined);
});

it('a zombie has ended', async () => {
  // The shell becomes a sleep that never looks at its child, which so stays a zombie.
  const parent = spawn('/bin/sh', ['-c', 'sleep 0.05 & echo $!; exec sleep 60'], { stdio: 'pipe' });
  const [printed] = (await once(parent.stdout, 'data')) as [Buffer];
  const pid = Number(printed.toString());
  try {
    const zombie = await poll(
      () => {
        const found = readProcess(pid);
        return found?.state === 'Z' ? found : undefined;
      },
      deadline(),
      'see a zombie',
    );
    assert.equal(process.kill(pid, 0), true);
    assert.equal(findLiving(zombie), undefined);
  } finally {
    parent.kill('SIGKILL');
    await once(parent, 'exit');
  }
});

it('another start time is another process', () => {
  const own = readProcess(process.pid);
  assert.ok(own);
  assert.ok(findLiving(own));
  assert.equal(findLiving({ pid: own.pid, startTime: own.startTime + 1 }), undefined);
});

it('the identity of a process tells when the process started, to the second', () => {
  const own = readProcess(process.pid);
  assert.ok(own);
  assert.ok(Math.abs(startedAtMs(own) - (Date.now() - process.uptime() * 1000)) < 2_500);
});

it('the identity of a process knows the processes that we run under', () => {
  assert.equal(isOurAncestor(process.pid), true);
  assert.equal(isOurAncestor(process.ppid), process.ppid > 1);
  assert.equal(isOurAncestor(2_000_000_000), false);
  assert.match(readBootId(), /^[0-9a-f-]{36}$/);
});
