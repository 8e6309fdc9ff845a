import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, it } from 'node:test';
import type { ProcessIdentity } from '../../src/ports/node-runner.ts';
import { findLiving, readProcess } from '../../src/processes/identity.ts';
import { killTree, signalProcess } from '../../src/processes/kill.ts';
import { createProcessTree } from '../../src/processes/tree.ts';
import { processEnded, treeEnded } from '../../src/processes/wait.ts';

const deadline = (): AbortSignal => AbortSignal.timeout(10_000);

const started: ChildProcess[] = [];
const strays = new Set<number>();
const roots: ProcessIdentity[] = [];

afterEach(async () => {
  for (const root of roots.splice(0)) await killTree(createProcessTree([root]));
  for (const pid of strays) if (readProcess(pid)) process.kill(pid, 'SIGKILL');
  strays.clear();
  for (const child of started.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
});

/** Runs a shell script that prints pids on one line and goes on. */
async function startTree(
  script: string,
): Promise<{ root: ProcessIdentity; pids: number[]; child: ChildProcess }> {
  const child = spawn('/bin/sh', ['-c', script], { detached: true, stdio: ['ignore', 'pipe', 'inherit'] });
  started.push(child);
  const [printed] = (await once(child.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
  const pids = printed.toString().trim().split(/\s+/).map(Number);
  for (const pid of pids) strays.add(pid);
  const found = readProcess(child.pid ?? 0);
  assert.ok(found);
  roots.push(found);
  return { root: { pid: found.pid, startTime: found.startTime }, pids, child };
}

async function crash(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL');
  await once(child, 'exit');
}

const pidsOf = (members: readonly ProcessIdentity[]): number[] => members.map(({ pid }) => pid).sort();

it('the tree of a process holds the process and its descendants', async () => {
  const { root, pids } = await startTree('sleep 60 & a=$!; (sleep 60 & echo $a $!; wait) & wait');
  const found = pidsOf(createProcessTree([root]).look());
  for (const pid of [root.pid, ...pids]) assert.ok(found.includes(pid));
  assert.equal(found.includes(process.pid), false);
});

it('the tree of a process holds orphans of a dead process by its session, also for who never looked before', async () => {
  const { root, pids, child } = await startTree('sleep 60 & echo $!; wait');
  await crash(child);
  assert.equal(findLiving(root), undefined);
  assert.deepEqual(pidsOf(createProcessTree([root]).look()), pids);
});

it('the tree of a process remembers a descendant that has left for a session of its own', async () => {
  const { root, pids, child } = await startTree('setsid sleep 60 & echo $!; wait');
  const tree = createProcessTree([root]);
  assert.deepEqual(pidsOf(tree.look()), [root.pid, ...pids].sort());
  await crash(child);
  assert.deepEqual(pidsOf(tree.look()), pids);
  assert.deepEqual(pidsOf(tree.remembered()), pids);
  assert.deepEqual([...(await killTree(tree))], pids);
});

it('the tree of a process holds the orphans of a daemon, whose group bears the id of a process that has ended', async () => {
  const { pids, child } = await startTree(
    `setsid /bin/sh -c '/bin/sh -c "sleep 60 & echo \\$\\$ \\$!; wait" & exit 0'; exec sleep 60`,
  );
  const [daemon = 0, worker = 0] = pids;
  const main = readProcess(daemon);
  assert.ok(main);
  const tree = createProcessTree([main]);
  assert.deepEqual(pidsOf(tree.look()), [daemon, worker].sort());
  process.kill(daemon, 'SIGKILL');
  await processEnded(main, deadline());
  assert.deepEqual(pidsOf(tree.look()), [worker]);
  await killTree(tree);
  assert.equal(child.exitCode, null);
});

it('the tree of a process leaves alone the session that a process merely takes part in', async () => {
  const { pids } = await startTree('sleep 60 & echo $!; exec sleep 60');
  const [member = 0] = pids;
  const found = readProcess(member);
  assert.ok(found);
  assert.deepEqual(pidsOf(createProcessTree([found]).look()), [member]);
});

it('the tree of a process is empty for a pid that belongs to another process now', async () => {
  const { root } = await startTree('sleep 60 & echo $!; wait');
  const stranger = { pid: root.pid, startTime: root.startTime - 1 };
  assert.deepEqual(createProcessTree([stranger]).look(), []);
  assert.equal(signalProcess(stranger, 'SIGKILL'), false);
  assert.ok(findLiving(root));
});

it('the tree of a process is killed to the last process although its processes fork without end', async () => {
  const { root } = await startTree('echo $$; while :; do (sleep 60 & sleep 0.01 &) ; done');
  const tree = createProcessTree([root]);
  const killed = await killTree(tree);
  assert.ok(killed.includes(root.pid));
  assert.deepEqual(createProcessTree([root]).look(), []);
});

it('the tree of a process ends only when its last process does', async () => {
  const { root, pids, child } = await startTree('sleep 60 & echo $!; wait');
  const tree = createProcessTree([root]);
  await crash(child);
  let isEnded = false;
  const ended = treeEnded(tree, deadline()).then(() => {
    isEnded = true;
  });
  await assert.rejects(treeEnded(tree, AbortSignal.timeout(150)), { code: 'deadlinePassed' });
  assert.equal(isEnded, false);
  process.kill(pids[0] ?? 0, 'SIGKILL');
  await ended;
});

it('neither init nor we ourselves are ever signalled', () => {
  const own = readProcess(process.pid);
  const init = readProcess(1);
  assert.ok(own && init);
  assert.equal(signalProcess(own, 'SIGTERM'), false);
  assert.equal(signalProcess(init, 'SIGTERM'), false);
  const members = createProcessTree([own]).look();
  assert.equal(
    members.some(({ pid }) => pid === process.pid),
    false,
  );
});
