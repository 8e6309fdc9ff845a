import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before } from 'node:test';
import type { HistoryEntry, NodeState, OperationKind, OperationReport } from '@lameduck/core';
import { nodeOf, statusOf } from './reports.ts';
import { makeRunFolder, type RunningService, runService, startUp } from './run-service.ts';
import type { ServiceSpec } from './service-config.ts';
import { until } from './until.ts';

/** A controller that dies once, and what its successor makes of it. */
export interface Death {
  /** As `die-on-demand.ts` has them; or what looks at the world before, and then kills it during the operation. */
  readonly at: string | ((service: RunningService) => Promise<() => Promise<void>>);
  readonly node: string;
  /** `SIGTERM`: sent to the node by somebody else. */
  readonly command: OperationKind | 'SIGTERM';
  readonly settled: 'resumed' | 'reverted';
  /** How the node is in the end; default: as before everything, `ready`. */
  readonly ends?: NodeState;
}

/** A service whose controller dies where a test says so, and is followed by another one each time. */
export interface MortalService {
  readonly service: RunningService;
  /** Lets the controller die; resolves with what the next one has put into the history once all is settled. */
  die(death: Death): Promise<OperationReport>;
}

/** For the tests of one suite. After them: no lock is left, no node was signalled twice. */
export function serveMortal(makeSpec: () => ServiceSpec | Promise<ServiceSpec>): MortalService {
  const folder = makeRunFolder();
  const dieFile = join(folder, 'die-at');
  const how = {
    nodeArguments: ['--import', join(import.meta.dirname, 'die-on-demand.ts')],
    environment: { LAMEDUCK_TEST_DIE_FILE: dieFile },
  };
  let service: RunningService;
  before(async () => {
    service = await runService(await makeSpec(), how);
  });
  after(async () => {
    try {
      await killController(service);
      assertNoLocks(service);
      for (const { name } of (await adopt()).nodes) assertSignalledOnce(service, name);
    } finally {
      assert.equal(await service.stop(), 0);
      rmSync(folder, { recursive: true });
    }
  });
  async function adopt(): ReturnType<typeof statusOf> {
    service = await startUp(service, how);
    return statusOf(service);
  }

  async function die(death: Death): Promise<OperationReport> {
    const { at, node, command, ends = 'ready' } = death;
    const exited = once(service.up, 'exit');
    const kill = typeof at === 'string' ? undefined : await at(service);
    if (typeof at === 'string') writeFileSync(dieFile, at);
    const asked = ask(service, command, node);
    await kill?.();
    assert.notEqual(await asked, 0, `${describeDeath(death)}: the command must not claim success`);
    assert.deepEqual(await exited, [null, 'SIGKILL'], describeDeath(death));
    await adopt();
    await until(
      `${describeDeath(death)}: ${node} is ${ends}, all others serve`,
      async () =>
        (await statusOf(service)).nodes.every(
          ({ name, state, inRotation, operation }) =>
            operation === undefined &&
            state === (name === node ? ends : 'ready') &&
            inRotation === (state === 'ready'),
        ),
      30_000,
    );
    const { json } = await service.lameduck('history', '--limit', '1', '--json');
    return (json as HistoryEntry[])[0]?.report as OperationReport;
  }

  return {
    get service() {
      return service;
    },
    die,
  };
}

/** Where it dies, in words. */
export function describeDeath({ at, node, command }: Death): string {
  return `${command} ${node}, ${typeof at === 'string' ? at : at.name}`;
}

/** SIGKILL, unless it has ended; resolves when it has. */
export async function killController({ up }: RunningService): Promise<void> {
  if (up.exitCode !== null || up.signalCode !== null) return;
  const exited = once(up, 'exit');
  up.kill('SIGKILL');
  await exited;
}

/** The exit code of who has asked, once there is one. */
async function ask(service: RunningService, command: Death['command'], node: string): Promise<number> {
  if (command !== 'SIGTERM') return (await service.lameduck(command, node)).code;
  process.kill((await nodeOf(service, node)).pid ?? 0, 'SIGTERM');
  return -1;
}

function assertNoLocks({ folder }: RunningService): void {
  const database = new DatabaseSync(join(folder, '.lameduck', 'store.db'), { readOnly: true });
  const query = "SELECT key FROM entries WHERE key LIKE 'operations/%' OR key LIKE 'rollouts/%'";
  const locks = database.prepare(query).all();
  database.close();
  assert.deepEqual(locks, [], 'locks are left');
}

/** By what its processes say of themselves: no process was sent SIGTERM a second time. */
function assertSignalledOnce({ folder }: RunningService, node: string): void {
  const log = readFileSync(join(folder, '.lameduck', 'nodes', node, 'node.log'), 'utf8');
  const ours = log.matchAll(/"pid":(\d+).*"signal":"SIGTERM","msg":"signal received"/g);
  const gunicorn = log.matchAll(/\[(\d+)\] \[INFO\] Handling signal: term/g);
  const pids = [...ours, ...gunicorn].map(([, pid]) => pid);
  assert.equal(new Set(pids).size, pids.length, `${node} was signalled twice: ${pids.join(' ')}`);
}
