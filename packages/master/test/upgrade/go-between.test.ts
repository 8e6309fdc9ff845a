import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { it } from 'node:test';
import { endBehind, GoBetween, goBetweenArguments } from '../../src/upgrade/go-between.ts';

const parentOf = (pid: number): number =>
  Number(/^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);

function spawnBehind(...command: string[]): ReturnType<typeof spawn> {
  const stdio = ['ignore', 'inherit', 'ignore', 'ignore', 'ipc', 'pipe'] as const;
  return spawn('/bin/sh', [...goBetweenArguments, ...command], { stdio: [...stdio], detached: true });
}

it('a new master is the child of a shell, until that leaves; its channel stays', async () => {
  const code = `process.on('message', (text) => process.send('heard ' + text)); process.send('here');`;
  const shell = spawnBehind(process.execPath, '-e', code);
  const goBetween = new GoBetween(shell);
  assert.deepEqual((await once(shell, 'message'))[0], 'here');
  const pid = await goBetween.pid;
  assert.equal(parentOf(pid), shell.pid);
  await goBetween.leave();
  assert.equal(goBetween.isGone, true);
  assert.ok(![shell.pid, process.pid].includes(parentOf(pid)), 'somebody who adopts orphans has it');
  shell.send('you');
  assert.deepEqual((await once(shell, 'message'))[0], 'heard you');
  const disconnected = once(shell, 'disconnect');
  process.kill(pid, 'SIGKILL');
  await disconnected;
});

it('the shell ends as its child does', async () => {
  const endOf = async (...command: string[]): Promise<object> => {
    const [code, signal] = await once(spawnBehind(...command), 'exit');
    return endBehind(code as number | null, signal as NodeJS.Signals | null);
  };
  assert.deepEqual(await endOf(process.execPath, '-e', 'process.exit(3)'), { code: 3, signal: null });
  const killed = "process.kill(process.pid, 'SIGKILL')";
  assert.deepEqual(await endOf(process.execPath, '-e', killed), { code: null, signal: 'SIGKILL' });
  assert.deepEqual(await endOf('/nowhere/node'), { code: 127, signal: null, failure: 'ENOENT' });
  assert.deepEqual(await endOf('/'), { code: 126, signal: null, failure: 'EACCES' });
});
