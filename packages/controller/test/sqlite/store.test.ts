import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, it } from 'node:test';
import type { OperationReport } from '@lameduck/core';
import { openSqliteStore, readHistory } from '../../src/adapters/sqlite/store.ts';

const folder = mkdtempSync(join(tmpdir(), 'lameduck-store-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const report: OperationReport = {
  operation: 'stop',
  node: 'a',
  result: 'exited',
  phases: [{ name: 'check', ms: 1 }],
  inFlight: 2,
  answered: 2,
  lost: 0,
  killed: [],
  ms: 3,
};

it('wishes and history outlive the store', async () => {
  const path = join(folder, 'outlive.db');
  const first = openSqliteStore(path);
  await first.setWish('a', 'drained');
  await first.setWish('a', 'stopped');
  const id = await first.begin('stop', 'a', '2026-11-22T10:00:00.000Z');
  await first.end(id, report);
  await first.begin('start', 'a', '2026-11-22T10:01:00.000Z');
  await first.close();
  const second = openSqliteStore(path);
  assert.deepEqual([...(await second.wishes())], [['a', 'stopped']]);
  const history = await second.history(10);
  assert.equal(history[0]?.report, undefined, 'an operation that never ended has no report');
  assert.deepEqual(history[1]?.report, report);
  await second.close();
  assert.deepEqual(readHistory(path, 10), history);
});

it('a second controller is refused while the first lives, and only so long', async () => {
  const path = join(folder, 'alone.db');
  const first = openSqliteStore(path);
  const open = `const { openSqliteStore } = await import(${JSON.stringify(join(import.meta.dirname, '../../src/adapters/sqlite/store.ts'))});
    try { openSqliteStore(${JSON.stringify(path)}); console.log('opened'); } catch (error) { console.log(error.code); }`;
  const other = (): string =>
    execFileSync(process.execPath, ['--input-type=module', '-e', open], { encoding: 'utf8' }).trim();
  assert.equal(other(), 'alreadyRunning');
  await first.close();
  assert.equal(other(), 'opened');
});

it('a store of a newer version is refused with both versions', () => {
  const path = join(folder, 'newer.db');
  const database = new DatabaseSync(path);
  database.exec('PRAGMA user_version = 99');
  database.close();
  assert.throws(() => openSqliteStore(path), {
    code: 'config',
    message: /version 1 or older is wanted: current value is 99/,
  });
});
