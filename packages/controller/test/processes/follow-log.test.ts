import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { followLog } from '../../src/processes/follow-log.ts';

describe('the log of a node', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lameduck-log-'));
  const file = join(folder, 'node.log');
  after(() => rmSync(folder, { recursive: true, force: true }));
  const never = new AbortController().signal;

  async function all(lines: number): Promise<readonly string[]> {
    const told: string[] = [];
    for await (const some of followLog(file, lines, false, never)) told.push(...some);
    return told;
  }

  it('is empty where there is none', async () => {
    assert.deepEqual(await all(10), []);
  });

  it('is told from its last lines on', async () => {
    writeFileSync(file, Array.from({ length: 20 }, (_, index) => `line ${index}\n`).join(''));
    assert.deepEqual(await all(2), ['line 18', 'line 19']);
    assert.deepEqual(await all(0), []);
  });

  it('is followed: line by line, through a rotation, until nobody wants it', async () => {
    writeFileSync(file, 'old\n');
    const stop = new AbortController();
    const lines = followLog(file, 1, true, stop.signal);
    const next = async (): Promise<unknown> => (await lines.next()).value;
    assert.deepEqual(await next(), ['old']);
    const waiting = next();
    appendFileSync(file, 'half ');
    appendFileSync(file, 'ä line\n');
    assert.deepEqual(await waiting, ['half ä line']);
    renameSync(file, `${file}.1`);
    writeFileSync(file, 'new file\n');
    assert.deepEqual(await next(), ['new file']);
    writeFileSync(file, 'cut\n');
    assert.deepEqual(await next(), ['cut']);
    const last = lines.next();
    stop.abort();
    assert.equal((await last).done, true);
  });
});
