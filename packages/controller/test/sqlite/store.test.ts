import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, describe, it } from 'node:test';
import type { OperationReport } from '@lameduck/core';
import { attempt } from '../../src/adapters/sqlite/database.ts';
import { openSqliteStore, readHistory } from '../../src/adapters/sqlite/store.ts';
import { createServiceStore } from '../../src/store/service-store.ts';

const folder = mkdtempSync(join(tmpdir(), 'lameduck-store-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const soon = (): AbortSignal => AbortSignal.timeout(5_000);
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

it('wishes, history and operations under way outlive the store', async () => {
  const path = join(folder, 'outlive.db');
  const first = createServiceStore(openSqliteStore(path));
  const stop = await first.beginOperation({ kind: 'stop', node: 'a', beganAt: 'then', phase: 'check' });
  await stop.settle(report, 'stopped');
  const start = await first.beginOperation({ kind: 'start', node: 'a', beganAt: 'later', phase: 'start' });
  await start.note({ phase: 'return', process: { pid: 7, startTime: 8 } });
  await first.close();
  const second = createServiceStore(openSqliteStore(path));
  assert.deepEqual([...(await second.wishes())], [['a', 'stopped']]);
  const history = await second.history(10);
  assert.deepEqual(history, [
    { id: 2, operation: 'start', subject: 'a', beganAt: 'later' },
    { id: 1, operation: 'stop', subject: 'a', beganAt: 'then', report },
  ]);
  const [left] = await second.operations();
  assert.deepEqual([left?.note.phase, left?.note.process], ['return', { pid: 7, startTime: 8 }]);
  await second.close();
  assert.deepEqual(readHistory(path, 10), history);
  assert.deepEqual(readHistory(path, 1), history.slice(0, 1));
});

it('revisions go on where they were, and leases end with their process', async () => {
  const path = join(folder, 'revisions.db');
  const first = openSqliteStore(path);
  const lease = await first.lease(60_000, soon());
  const ops = [{ type: 'put', key: 'leased', value: 'x', lease: lease.id }] as const;
  const { revision } = await first.txn([], ops, soon());
  // as a controller leaves it that was killed: nobody has revoked the lease
  const copy = join(folder, 'revisions-copy.db');
  cpSync(path, copy);
  await first.close();
  const second = openSqliteStore(copy);
  assert.equal(await second.get('leased', soon()), undefined);
  const next = await second.txn([], [{ type: 'put', key: 'a', value: 'x' }], soon());
  assert.ok(next.revision > revision);
  await assert.rejects(
    async () => {
      for await (const _ of second.watch('', revision, soon()));
    },
    { code: 'storeFailed', message: /what was before is forgotten/ },
  );
  await second.close();
});

/** Opens the store in another process, whose command line ends like this; gives what it says and ends it on demand. */
async function openElsewhere(
  path: string,
  ...args: string[]
): Promise<{ said: string; pid: number; end(): Promise<void> }> {
  const store = JSON.stringify(join(import.meta.dirname, '../../src/adapters/sqlite/store.ts'));
  const open = `const { openSqliteStore } = await import(${store});
    try { globalThis.held = openSqliteStore(${JSON.stringify(path)}); console.log('opened'); process.stdin.resume(); }
    catch (error) { console.log(error.code, error.message); }`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', open, ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  const [said] = (await once(child.stdout.setEncoding('utf8'), 'data')) as [string];
  const end = async (): Promise<void> => {
    child.stdin.end();
    await ended;
  };
  return { said: said.trim(), pid: child.pid ?? 0, end };
}

describe('a store that somebody else holds', () => {
  it('a controller: a second one is refused while it lives, and only so long; both are told its pid', async () => {
    const path = join(folder, 'alone.db');
    const first = await openElsewhere(path, '/usr/bin/lameduck', 'up');
    assert.equal(first.said, 'opened');
    const refusal = {
      code: 'alreadyRunning',
      message: new RegExp(`another controller runs this service \\(pid ${first.pid}\\)$`),
    };
    assert.throws(() => openSqliteStore(path), refusal);
    assert.throws(() => readHistory(path, 1), refusal);
    await first.end();
    await openSqliteStore(path).close();
  });

  it('a shell or a backup: it is named, and nobody says that it were a controller', async () => {
    const path = join(folder, 'held.db');
    await openSqliteStore(path).close();
    const other = await openElsewhere(path, 'backup');
    const refusal = {
      code: 'storeFailed',
      message: new RegExp(
        `a store that nobody else holds is wanted: current value is locked by ".+" \\(pid ${other.pid}\\)$`,
      ),
    };
    assert.throws(() => openSqliteStore(path), refusal);
    assert.throws(() => readHistory(path, 1), refusal);
    await other.end();
    await openSqliteStore(path).close();
  });
});

describe('a store of version 1', () => {
  function writeFirstVersion(path: string): void {
    const database = new DatabaseSync(path);
    database.exec(`
      CREATE TABLE wishes (node TEXT PRIMARY KEY, wish TEXT NOT NULL) STRICT;
      CREATE TABLE operations (
        id INTEGER PRIMARY KEY, operation TEXT NOT NULL, subject TEXT NOT NULL, beganAt TEXT NOT NULL, report TEXT
      ) STRICT;
      INSERT INTO wishes VALUES ('a', 'drained'), ('b', 'leaving'), ('c', 'ready'), ('d', 'stopped');
      INSERT INTO operations VALUES (9, 'stop', 'd', 'then', '${JSON.stringify(report)}'), (10, 'restart', 'b', 'later', NULL);
      PRAGMA user_version = 1;
    `);
    database.close();
  }
  const history = [
    { id: 10, operation: 'restart', subject: 'b', beganAt: 'later' },
    { id: 9, operation: 'stop', subject: 'd', beganAt: 'then', report },
  ];

  it('keeps its wishes and its history when it is opened, and what was under way', async () => {
    const path = join(folder, 'first.db');
    writeFirstVersion(path);
    const store = createServiceStore(openSqliteStore(path));
    assert.deepEqual(
      [...(await store.wishes())],
      [
        ['a', 'drained'],
        ['d', 'stopped'],
      ],
    );
    assert.deepEqual(await store.history(10), history);
    const [left] = await store.operations();
    assert.deepEqual(left?.note, { id: 10, kind: 'restart', node: 'b', beganAt: 'later', phase: 'wait' });
    const next = await store.beginOperation({ kind: 'drain', node: 'c', beganAt: 'now', phase: 'check' });
    await next.settle({ ...report, operation: 'drain', node: 'c' }, 'drained');
    assert.equal((await store.history(1))[0]?.id, 11);
    await store.close();
    const again = createServiceStore(openSqliteStore(path));
    assert.equal((await again.history(10)).length, 3);
    await again.close();
  });

  it('shows its history before it was ever opened by this version', () => {
    const path = join(folder, 'first-read.db');
    writeFirstVersion(path);
    assert.deepEqual(readHistory(path, 10), history);
  });
});

describe('a file that is no usable store', () => {
  it('of a newer version is refused with both versions', () => {
    const path = join(folder, 'newer.db');
    const database = new DatabaseSync(path);
    database.exec('PRAGMA user_version = 99');
    database.close();
    for (const open of [() => openSqliteStore(path), () => readHistory(path, 1)]) {
      assert.throws(open, { code: 'config', message: /version 2 or older is wanted: current value is 99/ });
    }
  });

  it('that is no database is told as such', () => {
    const path = join(folder, 'text.db');
    writeFileSync(path, 'this is a text and no database at all\n'.repeat(100));
    for (const open of [() => openSqliteStore(path), () => readHistory(path, 1)]) {
      assert.throws(open, {
        code: 'storeFailed',
        message: /an intact store is wanted: current value is: file is not a database/,
      });
    }
  });

  it('that was cut off is told as such', async () => {
    const path = join(folder, 'cut.db');
    const store = createServiceStore(openSqliteStore(path));
    for (const node of ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']) {
      const kept = await store.beginOperation({
        kind: 'stop',
        node,
        beganAt: 'x'.repeat(3000),
        phase: 'check',
      });
      await kept.settle(report, 'stopped');
    }
    await store.close();
    truncateSync(path, 3 * 4096);
    assert.throws(() => readHistory(path, 10), { code: 'storeFailed', message: /an intact store is wanted/ });
  });

  it('in a folder that does not exist is told as such', () => {
    assert.throws(() => openSqliteStore(join(folder, 'none', 'store.db')), {
      code: 'storeFailed',
      message: /Cannot open ".*": a usable store is wanted: current value is: unable to open database file/,
    });
  });

  it('on a full disk is told as such', () => {
    const database = new DatabaseSync(':memory:');
    database.exec('CREATE TABLE t (x TEXT); PRAGMA max_page_count = 4;');
    const fill = () =>
      attempt('write', '/srv/store.db', () =>
        database.exec(`INSERT INTO t VALUES ('${'x'.repeat(100_000)}')`),
      );
    assert.throws(fill, {
      code: 'storeFailed',
      message:
        'Cannot write "/srv/store.db": room on the disk is wanted: current value is: database or disk is full',
    });
    database.close();
  });
});
