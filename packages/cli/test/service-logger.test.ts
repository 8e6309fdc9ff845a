import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { createServiceLogger } from '../src/output/service-logger.ts';

function recordScreen(): { notes: string[]; screen: Parameters<typeof createServiceLogger>[1] } {
  const notes: string[] = [];
  const screen = {
    isJson: false,
    note: (text: string) => notes.push(text),
    print: () => {},
    json: () => {},
    paint: (_: string, text: string) => text,
  };
  return { notes, screen: screen as unknown as Parameters<typeof createServiceLogger>[1] };
}

describe('the log of a controller', () => {
  it('is in the file before the call returns', () => {
    const folder = mkdtempSync(join(tmpdir(), 'lameduck-log-'));
    const file = join(folder, 'deep', 'controller.log');
    createServiceLogger(file, recordScreen().screen).info({ node: 'a' }, 'one thing');
    assert.match(readFileSync(file, 'utf8'), /^\{.*"node":"a","msg":"one thing"\}\n$/);
    rmSync(folder, { recursive: true });
  });

  it('fails nobody who logs on a full disk; the screen still tells', () => {
    const { notes, screen } = recordScreen();
    const logger = createServiceLogger('/dev/full', screen);
    for (let line = 0; line < 100; line += 1) logger.warn({ node: 'a', reason: 'ill' }, 'node isolated');
    assert.equal(notes.length, 100);
    assert.match(notes[0] ?? '', /a isolated: ill/);
  });
});
