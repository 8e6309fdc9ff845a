import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, it } from 'node:test';
import { readBootId } from '../../src/processes/identity.ts';
import { readRecord, writeRecord } from '../../src/processes/record.ts';

const folder = mkdtempSync(join(tmpdir(), 'lameduck-record-'));
const file = join(folder, 'nodes', 'process.json');
after(() => rmSync(folder, { recursive: true, force: true }));
const record = { pid: 12, startTime: 34, bootId: readBootId(), command: ['a', 'b'], logOffset: 5 };

it('the record of a process is read as it was written, and no other file is left', async () => {
  await writeRecord(file, record);
  await writeRecord(file, { ...record, launcher: { pid: 1, startTime: 2 } });
  assert.deepEqual(readRecord(file), { ...record, launcher: { pid: 1, startTime: 2 } });
  assert.deepEqual(readdirSync(join(folder, 'nodes')), ['process.json']);
});

it('the record of a process of another boot counts for nothing', async () => {
  await writeRecord(file, { ...record, bootId: 'another' });
  assert.equal(readRecord(file), undefined);
});

it('the record of a process that is damaged or missing counts for nothing', () => {
  for (const text of ['', '{', '[]', 'null', '{"pid":"12"}', '{"pid":12,"startTime":1}']) {
    writeFileSync(file, text);
    assert.equal(readRecord(file), undefined);
  }
  assert.equal(readRecord(join(folder, 'none')), undefined);
});
