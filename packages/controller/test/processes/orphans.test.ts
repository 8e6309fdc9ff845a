import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, it } from 'node:test';
import { readBootId, readProcess } from '../../src/processes/identity.ts';
import { endOrphans, nodeMarker } from '../../src/processes/orphans.ts';
import { writeRecord } from '../../src/processes/record.ts';
import { stateFiles } from '../../src/processes/spawn-detached.ts';
import { isAlive, makeRealNode, type RealNode } from '../fixtures/node-runner/real-node.ts';

const deadline = (): AbortSignal => AbortSignal.timeout(20_000);
const noRunner = (): never => undefined as never;
let node: RealNode | undefined;

afterEach(async () => {
  await node?.close();
  node = undefined;
});

/** A recorded main process that was killed and left one child; gives the child's pid. */
async function leaveOrphan(
  made: RealNode,
  script: string,
  environment: Record<string, string>,
): Promise<number> {
  const main = spawn('/bin/sh', ['-c', `${script} & echo $!; wait`], {
    detached: true,
    env: { PATH: '/usr/bin:/bin', ...environment },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [printed] = (await once(main.stdout, 'data')) as [Buffer];
  const found = readProcess(main.pid ?? 0);
  assert.ok(found);
  const { pid, startTime } = found;
  await writeRecord(stateFiles(made.options.stateDirectory).record, {
    pid,
    startTime,
    bootId: readBootId(),
    command: [],
  });
  main.stdout.destroy();
  main.kill('SIGKILL');
  await once(main, 'exit');
  return Number(printed.toString());
}

it('an orphan of the node is ended, and that is logged', async () => {
  node = await makeRealNode(noRunner);
  const marker = { [nodeMarker]: node.options.stateDirectory };
  const pid = await leaveOrphan(node, 'sleep 64', marker);
  assert.equal(isAlive(pid), true);
  await endOrphans(node.options, deadline());
  assert.equal(isAlive(pid), false);
  assert.deepEqual(node.warnings, [{ node: 'a', pids: [pid] }]);
});

it('an orphan that ignores SIGTERM is killed after the graceful timeout', async () => {
  node = await makeRealNode(noRunner, { timeoutGracefulShutdownMs: 100 });
  const marker = { [nodeMarker]: node.options.stateDirectory };
  const pid = await leaveOrphan(node, `sh -c 'trap "" TERM; while :; do sleep 0.1; done'`, marker);
  await endOrphans(node.options, deadline());
  assert.equal(isAlive(pid), false);
});

it('a process that cannot be proved to be of the node is left alone', async () => {
  node = await makeRealNode(noRunner);
  const pid = await leaveOrphan(node, 'sleep 65', { [nodeMarker]: '/another/node' });
  await endOrphans(node.options, deadline());
  assert.equal(isAlive(pid), true);
  assert.deepEqual(node.warnings, []);
});
