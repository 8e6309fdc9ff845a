import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, it } from 'node:test';
import { stringify } from 'yaml';
import { freePorts } from '../support/ports.ts';
import { makeRunFolder, runLameduck } from '../support/run-service.ts';
import { serviceConfig } from '../support/service-config.ts';

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
