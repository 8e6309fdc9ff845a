import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { findMaster } from '../../src/adapters/nginx/master.ts';
import { type Bench, ignore, isAlive, makeBench, soon, until } from './harness.ts';

let bench: Bench;
afterEach(async () => await bench.dispose());

async function askMany(): Promise<readonly string[]> {
  const answers = await Promise.all(Array.from({ length: 24 }, () => bench.ask()));
  return [...new Set(answers.map((answer) => answer.split(' ')[0] ?? ''))].sort();
}

function kill(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) process.kill(pid, signal);
}

for (const [kind, mode] of [
  ['managed', 'gate'],
  ['managed', 'reload'],
  ['attached', 'auto'],
] as const) {
  describe(`E7: prepare of a dead nginx (${kind}, ${mode})`, () => {
    it('it starts without the nodes, whoever starts it, and then proves it', async () => {
      bench = await makeBench({ kind, mode });
      await bench.edge.open([], soon());
      await bench.killNginx('SIGKILL');
      await assert.rejects(bench.edge.remove('a', ignore, soon()), { code: 'notRunning' });
      assert.equal(await bench.edge.prepare(() => ['a', 'c'], soon()), true);
      await until(async () => (await bench.edge.status(soon())).state === 'stopped');
      await until(() =>
        bench.startNginx().then(
          () => true,
          () => false,
        ),
      );
      await until(async () => (await bench.edge.status(soon())).state === 'ready');
      assert.deepEqual(await askMany(), ['b']);
      assert.ok((await bench.edge.remove('a', ignore, soon())).generation > 0);
    });
  });
}

describe('E7: prepare of an nginx of which something lives', () => {
  it('is false where the master alone was killed: its workers serve on', async () => {
    bench = await makeBench({ kind: 'managed', mode: 'gate' });
    await bench.edge.open([], soon());
    const workers = bench.workers();
    const master = findMaster(bench.pidFile)?.pid ?? 0;
    kill([master], 'SIGKILL');
    await until(() => !isAlive(master));
    try {
      assert.equal(await bench.edge.prepare(() => ['a'], soon()), false);
      assert.deepEqual(await askMany(), ['a', 'b', 'c']);
    } finally {
      kill(workers, 'SIGKILL');
    }
    await until(() => bench.edge.prepare(() => ['a'], soon()));
  });

  it('is false where it is frozen, and no removal is proved', async () => {
    bench = await makeBench({ kind: 'managed', mode: 'gate' });
    await bench.edge.open([], soon());
    const pids = [findMaster(bench.pidFile)?.pid ?? 0, ...bench.workers()];
    kill(pids, 'SIGSTOP');
    try {
      assert.equal(await bench.edge.prepare(() => ['a'], soon()), false);
      await assert.rejects(bench.edge.remove('a', ignore, soon()), { code: 'edgeUnproven' });
    } finally {
      kill(pids, 'SIGCONT');
    }
    await until(async () => (await askMany()).length === 3);
  });
});
