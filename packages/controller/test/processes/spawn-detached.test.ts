import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, it } from 'node:test';
import { findLiving, readProcess } from '../../src/processes/identity.ts';
import { killTree } from '../../src/processes/kill.ts';
import { type DetachedProcess, readLaunchFile, spawnDetached } from '../../src/processes/spawn-detached.ts';
import { createProcessTree } from '../../src/processes/tree.ts';
import { processEnded } from '../../src/processes/wait.ts';

const folder = mkdtempSync(join(tmpdir(), 'lameduck-spawn-'));
const logFile = join(folder, 'logs', 'node.log');
const launchFile = join(folder, 'state', 'launched');
const deadline = (): AbortSignal => AbortSignal.timeout(10_000);
after(() => rmSync(folder, { recursive: true, force: true }));

async function start(...command: string[]): Promise<DetachedProcess> {
  const environment = { PATH: '/usr/bin:/bin', GREETING: 'hello' };
  return await spawnDetached({ node: 'a', command, directory: folder, environment, logFile, launchFile });
}

it('a detached process leads its own session, and its pid and start time are those of the command', async () => {
  const started = await start('/bin/sh', '-c', 'echo up; exec sleep 63');
  const found = readProcess(started.identity.pid);
  assert.equal(found?.session, started.identity.pid);
  assert.equal(found?.processGroup, started.identity.pid);
  await killTree(createProcessTree([started.identity]));
  assert.deepEqual(await started.ended, { code: null, text: 'ended by SIGKILL' });
  assert.equal(findLiving(started.identity), undefined);
});

it('a detached process notes by itself who it is', async () => {
  const started = await start('/bin/true');
  await started.ended;
  assert.deepEqual(readLaunchFile(launchFile), started.identity);
  assert.equal(readLaunchFile(join(folder, 'none')), undefined);
});

it('the output of a detached process is appended to the log, and the offset tells where it begins', async () => {
  appendFileSync(logFile, 'before\n');
  const started = await start('/bin/sh', '-c', 'echo "$GREETING $HOME $(pwd)"; echo error >&2; exit 3');
  assert.deepEqual(await started.ended, { code: 3, text: 'exited with code 3' });
  const log = readFileSync(logFile, 'utf8');
  assert.equal(log.slice(started.logOffset), `hello  ${folder}\nerror\n`);
  assert.match(log.slice(0, started.logOffset), /before\n$/);
});

it('arguments reach the command as they are', async () => {
  const odd = ['a b', '$HOME', `"'`, '; exit 9', ''];
  const started = await start('/usr/bin/printf', '[%s]', ...odd);
  await started.ended;
  assert.equal(
    readFileSync(logFile, 'utf8').slice(started.logOffset),
    odd.map((text) => `[${text}]`).join(''),
  );
  await processEnded(started.identity, deadline());
});
