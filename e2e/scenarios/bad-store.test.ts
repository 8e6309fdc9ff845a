import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, it } from 'node:test';
import { stringify } from 'yaml';
import { assertNothingLost } from '../support/assertions.ts';
import { killController } from '../support/deaths.ts';
import { freePorts } from '../support/ports.ts';
import { statusOf } from '../support/reports.ts';
import {
  makeRunFolder,
  type RunningService,
  runLameduck,
  runService,
  startUp,
} from '../support/run-service.ts';
import { serviceConfig } from '../support/service-config.ts';
import { underLoad } from '../support/under-load.ts';

describe('a store that cannot be used', () => {
  let folder: string;
  let store: string;
  before(async () => {
    folder = makeRunFolder();
    const config = serviceConfig({ nodes: ['app'] }, await freePorts(2), folder);
    writeFileSync(join(folder, 'lameduck.yaml'), stringify(config));
    mkdirSync(join(folder, '.lameduck'));
    store = join(folder, '.lameduck', 'store.db');
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  /** Both say in one line what is wrong, with the same exit code; nothing is started. */
  async function assertTold(code: number, what: RegExp): Promise<void> {
    for (const command of ['up', 'history']) {
      const told = await runLameduck(folder, command);
      assert.equal(told.code, code, told.stderr);
      assert.match(told.stderr, what);
      assert.equal(told.stderr.trimEnd().split('\n').length, 1, told.stderr);
    }
  }

  it('because it is damaged', async () => {
    writeFileSync(store, 'no database at all\n'.repeat(200));
    await assertTold(
      1,
      /Cannot \w+ ".*store\.db": an intact store is wanted: current value is: file is not a d/,
    );
  });

  it('because it is of a newer version', async () => {
    rmSync(store);
    const database = new DatabaseSync(store);
    database.exec('PRAGMA user_version = 99');
    database.close();
    await assertTold(78, /version 2 or older is wanted: current value is 99/);
  });
});

describe('a store that cannot be used while traffic runs and no controller lives', () => {
  let service: RunningService;
  let store: string;
  before(async () => {
    service = await runService({ nodes: ['app', 'gunicorn', 'app'] });
    store = join(service.folder, '.lameduck', 'store.db');
  });
  after(async () => {
    assert.equal(await service.stop(), 0);
  });

  /** `up` ends at once and says why. */
  async function assertRefused(code: number, what: RegExp): Promise<void> {
    const refused = await service.lameduck('up');
    assert.equal(refused.code, code, refused.stderr);
    assert.match(refused.stderr, what);
  }

  it('damaged, newer, locked by somebody: `up` is refused, no node and no nginx is touched, lost 0', async (t) => {
    const before = await statusOf(service);
    const ledger = await underLoad(service, { connections: 30 }, async () => {
      await killController(service);
      const intact = readFileSync(store);
      writeFileSync(store, 'no database at all\n'.repeat(200));
      await assertRefused(1, /an intact store is wanted/);
      writeFileSync(store, intact);
      setVersion(99);
      await assertRefused(78, /version 2 or older is wanted: current value is 99/);
      writeFileSync(store, intact);
      const foreign = new DatabaseSync(store);
      foreign.exec('BEGIN EXCLUSIVE');
      await assertRefused(1, new RegExp(`nobody else holds is wanted: .*\\(pid ${process.pid}\\)`));
      foreign.exec('ROLLBACK');
      foreign.close();
      service = await startUp(service);
    });
    assertNothingLost(ledger, 500);
    const now = await statusOf(service);
    assert.deepEqual(
      [...now.nodes, ...now.edges].map(({ pid }) => pid),
      [...before.nodes, ...before.edges].map(({ pid }) => pid),
    );
    t.diagnostic(`3 faults of the store, ${ledger.sent} requests, ${ledger.lost} lost`);
  });

  function setVersion(version: number): void {
    const database = new DatabaseSync(store);
    database.exec(`PRAGMA user_version = ${version}`);
    database.close();
  }
});
