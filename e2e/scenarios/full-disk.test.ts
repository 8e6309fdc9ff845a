import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, rmSync, statfsSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { stringify } from 'yaml';
import { assertNothingLost } from '../support/assertions.ts';
import { allServe } from '../support/daemon.ts';
import { killController } from '../support/deaths.ts';
import { freePorts } from '../support/ports.ts';
import { reportOf, statusOf } from '../support/reports.ts';
import { makeRunFolder, type RunningService, startUp } from '../support/run-service.ts';
import { serviceConfig } from '../support/service-config.ts';
import { underLoad } from '../support/under-load.ts';
import { until } from '../support/until.ts';

/** Mounts a file system of 1 MiB there; gives why it cannot. */
function mountSmall(folder: string): string | false {
  if (process.getuid?.() !== 0) return 'needs root: a file system of its own is mounted';
  const tried = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m,mode=755', 'lameduck-test', folder], {
    encoding: 'utf8',
  });
  return tried.status === 0 ? false : `no right to mount: ${tried.error?.message ?? tried.stderr.trim()}`;
}

const folder = makeRunFolder();
const state = join(folder, '.lameduck');
mkdirSync(state);
const skip = mountSmall(state);
if (skip !== false) rmSync(folder, { recursive: true });

/** No body of a request that is too big for nginx's memory: it would go to a file, and there is no room. */
const connections = { get: 8, fresh: 6, slow: 4, post: 8, stream: 2, idle: 2 };

// store, log of the controller and of the nodes, what nginx reads: all is on it
describe('a file system that is really full', { skip }, () => {
  const ballast = join(state, 'ballast');
  let service: RunningService;
  before(async () => {
    const place = { folder, ledgerDir: join(folder, 'ledger'), configFile: join(folder, 'lameduck.yaml') };
    mkdirSync(place.ledgerDir);
    const ports = await freePorts(4);
    const spec = { nodes: ['app', 'gunicorn', 'app'], mode: 'gate' } as const;
    writeFileSync(place.configFile, stringify(serviceConfig(spec, ports, place.ledgerDir)));
    service = await startUp({ ...place, ports });
  });
  after(async () => {
    rmSync(ballast, { force: true });
    const ended = once(service.up, 'exit');
    service.up.kill('SIGTERM');
    try {
      assert.deepEqual(await ended, [0, null]);
    } finally {
      // what may still run has files open there
      spawnSync('umount', ['--lazy', state]);
      rmSync(folder, { recursive: true });
    }
  });

  /** Takes every block that is left. */
  function fill(): void {
    const file = openSync(ballast, 'a');
    try {
      for (;;) writeSync(file, Buffer.alloc(4096, 'x'));
    } catch (thrown) {
      assert.equal((thrown as NodeJS.ErrnoException).code, 'ENOSPC');
    } finally {
      closeSync(file);
    }
    assert.equal(statfsSync(state).bavail, 0);
  }

  async function assertRefused(...commands: readonly string[]): Promise<void> {
    for (const command of commands) {
      const refused = await service.lameduck(command, 'a');
      const said = refused.stdout + refused.stderr;
      assert.equal(refused.code, 1, said);
      assert.match(said, /room on the disk is wanted/, `${command}: ${said}`);
    }
  }

  it('refuses operations and says why, serves on, can be taken over, and recovers; lost 0', async (t) => {
    const before = await statusOf(service);
    const ledger = await underLoad(service, { connections }, async () => {
      fill();
      await assertRefused('stop', 'restart');
      await pause(1000);
      assert.ok(await allServe(service));
      await killController(service);
      service = await startUp(service);
      await assertRefused('drain');
      const now = await statusOf(service);
      assert.deepEqual(
        [...now.nodes, ...now.edges].map(({ pid }) => pid),
        [...before.nodes, ...before.edges].map(({ pid }) => pid),
      );
      rmSync(ballast);
      await until('all serve', () => allServe(service));
      const restart = reportOf(await service.lameduck('restart', 'a', '--json'));
      assert.equal(restart.result, 'exited', restart.reason);
    });
    assertNothingLost(ledger, 500);
    t.diagnostic(`${ledger.sent} requests, ${ledger.lost} lost; 3 operations refused`);
  });

  it('in the middle of an operation: the node is not stranded; lost 0', async (t) => {
    const ledger = await underLoad(service, { connections }, async () => {
      for (const waitMs of [50, 500]) {
        const asked = service.lameduck('restart', 'b', '--json');
        await pause(300 + waitMs);
        fill();
        const { code } = await asked;
        t.diagnostic(`full ${waitMs} ms later: exit code ${code}`);
        rmSync(ballast);
        await until('all serve', () => allServe(service), 30_000);
      }
    });
    assertNothingLost(ledger, 500);
    assert.equal((await service.lameduck('restart', 'b')).code, 0);
  });
});
