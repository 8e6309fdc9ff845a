import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, it } from 'node:test';
import { logEnd, readFailureLog, readLogTail } from '../../src/processes/log-tail.ts';

const folder = mkdtempSync(join(tmpdir(), 'lameduck-log-'));
const file = join(folder, 'node.log');
after(() => rmSync(folder, { recursive: true, force: true }));
const lines = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, index) => `line ${from + index}`);

it('the end of a log is its last 15 lines', () => {
  writeFileSync(file, `${lines(1, 40).join('\n')}\n\n`);
  assert.deepEqual(readLogTail(file), lines(26, 40));
});

it('the end of a log holds nothing from before the offset', () => {
  writeFileSync(file, 'old\n');
  const offset = logEnd(file);
  appendFileSync(file, 'new\n');
  assert.deepEqual(readLogTail(file, offset), ['new']);
});

it('the end of a log of a log that was truncated since is all of it', () => {
  writeFileSync(file, 'new\n');
  assert.deepEqual(readLogTail(file, 1_000), ['new']);
});

it('the end of a log of a missing log is empty', () => {
  assert.equal(logEnd(join(folder, 'none')), 0);
  assert.deepEqual(readLogTail(join(folder, 'none')), []);
});

it('the end of a log of a failure begins with the first errors that stand above it, each once', () => {
  const errors = ['ImportError: no x', 'TypeError [ERR_X]: y', 'ImportError: no x'];
  writeFileSync(file, [...errors, ...lines(1, 20)].join('\n'));
  assert.deepEqual(readFailureLog(file, 0), [
    'ImportError: no x',
    'TypeError [ERR_X]: y',
    '…',
    ...lines(6, 20),
  ]);
  writeFileSync(file, [...lines(1, 3), ...errors].join('\n'));
  assert.deepEqual(readFailureLog(file, 0), [...lines(1, 3), ...errors]);
});
