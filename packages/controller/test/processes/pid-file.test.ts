import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { LameduckError } from '@lameduck/core';
import { findByPidFile, readPidFile } from '../../src/processes/pid-file.ts';
import { freePort } from '../fixtures/node-runner/real-node.ts';

const folder = mkdtempSync(join(tmpdir(), 'lameduck-pid-file-'));
const file = join(folder, 'server.pid');
const child = spawn('/bin/sleep', ['60']);
let port = 0;
before(async () => {
  port = await freePort();
});
after(async () => {
  child.kill('SIGKILL');
  await once(child, 'exit');
  rmSync(folder, { recursive: true, force: true });
});
const find = async (): Promise<number | undefined> =>
  (await findByPidFile(file, 'c', { kind: 'tcp', host: '127.0.0.1', port }))?.pid;

it('a pid file that is missing or empty names nobody', async () => {
  rmSync(file, { force: true });
  assert.equal(await find(), undefined);
  writeFileSync(file, '\n');
  assert.equal(await find(), undefined);
});

it('a pid file names a living process', async () => {
  writeFileSync(file, `${child.pid}\nfurther lines\n`);
  assert.equal(await find(), child.pid);
});

it('a pid file that is older than the process of its pid is stale', async () => {
  writeFileSync(file, `${child.pid}\n`);
  utimesSync(file, 1_000_000, 1_000_000);
  assert.equal(await find(), undefined);
});

it('a pid file that names a process which has ended is stale', async () => {
  const ended = spawn('/bin/true');
  await once(ended, 'exit');
  writeFileSync(file, `${ended.pid}\n`);
  assert.equal(await find(), undefined);
});

it('a pid file that holds no pid is an error which names file and content', () => {
  for (const text of ['abc', '-5', '0', '1', '12 34', '1e3']) {
    writeFileSync(file, text);
    assert.throws(
      () => readPidFile(file, 'c'),
      (thrown: unknown) =>
        thrown instanceof LameduckError &&
        thrown.code === 'pidFile' &&
        thrown.message.includes(file) &&
        thrown.message.includes(JSON.stringify(text)),
    );
  }
});

it('a pid file that cannot be read is an error', () => {
  assert.throws(() => readPidFile(folder, 'c'), { code: 'pidFile', message: /unreadable: EISDIR/ });
});

it('a pid file that names the process which lameduck itself is or runs under is an error', async () => {
  writeFileSync(file, `${process.pid}\n`);
  await assert.rejects(find(), { code: 'pidFile', message: /lameduck itself runs under/ });
});
