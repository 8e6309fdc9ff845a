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

  it('tells a person what somebody else did to a Gunicorn', () => {
    const { notes, screen } = recordScreen();
    const logger = createServiceLogger('/dev/null', screen);
    logger.warn({ node: 'a', reloads: 2 }, 'gunicorn was reloaded');
    logger.warn({ node: 'a', from: 2, to: 3 }, 'gunicorn was scaled');
    assert.match(notes[0] ?? '', /a was reloaded by somebody else \(.*, 2 since its start\)$/);
    assert.match(notes[1] ?? '', /a wants 3 workers now, 2 before/);
  });
});
