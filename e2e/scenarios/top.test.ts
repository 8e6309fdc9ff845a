import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, it } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { assertNothingLost } from '../support/assertions.ts';
import { makeRunFolder, runLameduck, runService } from '../support/run-service.ts';
import { closeTerminals, noTerminal, runInTerminal, type TerminalRun } from '../support/terminal.ts';
import { underLoad } from '../support/under-load.ts';
import { until } from '../support/until.ts';

const otherScreen = {
  enter: '\u001B[?1049h',
  leave: '\u001B[?1049l',
  hideCursor: '\u001B[?25l',
  showCursor: '\u001B[?25h',
};

/** `lameduck top` in a terminal; `screen` is what it shows now, as lines. */
function openTop(folder: string): TerminalRun & { screen(): readonly string[] } {
  const run = runInTerminal(folder, ['top']);
  return {
    ...run,
    screen() {
      // each screen begins at home; the last but one is whole
      const whole = run.text().split('\u001B[H').at(-2) ?? '';
      return whole.split(/\r*\n/).map(stripVTControlCharacters);
    },
  };
}

/** REQ/S, P99 and ERR/S of the nodes' rows. */
function trafficOf(lines: readonly string[]): readonly (readonly string[])[] {
  const columns = /^ ● (\w)\s+ready\s+\S+\s+.*?\s(\d+)\s+(\d+|–)\s+([\d.]+ m?s|–)\s+(\d+|–) /;
  return lines.flatMap((line) => {
    const [, name = '', , requests = '', p99 = '', errors = ''] = columns.exec(line) ?? [];
    return name === '' ? [] : [[name, requests, p99, errors]];
  });
}

/** The screen and the line discipline are as they were, and the cursor is seen. */
function assertRestored(text: string): void {
  const [, after] = text.split(otherScreen.leave);
  assert.ok(after !== undefined, 'left the other screen');
  assert.ok(text.lastIndexOf(otherScreen.showCursor) > text.lastIndexOf(otherScreen.hideCursor));
  assert.match(after, / icanon /);
  assert.match(after, / echo /);
  assert.match(after, /(^|\s)isig /);
}

describe('lameduck top in a terminal', { skip: noTerminal, timeout: 120_000 }, () => {
  afterEach(closeTerminals);

  it('shows what a real nginx counts under load, for all and for each node', async (t) => {
    const service = await runService({ nodes: ['app', 'app'], mode: 'gate' });
    let isStopped = false;
    try {
      const top = openTop(service.folder);
      let lines: readonly string[] = [];
      const ledger = await underLoad(service, { connections: 20 }, async () => {
        await until(
          'requests of both nodes',
          () => {
            lines = top.screen();
            const rows = trafficOf(lines);
            return rows.length === 2 && rows.every(([, requests]) => Number(requests) > 0);
          },
          60_000,
        );
        t.diagnostic(lines.slice(0, 8).join('\n'));
        const [, all = ''] =
          /(\d+) req\/s {3}p50 [\d.]+ m?s {3}p99 [\d.]+ m?s {3}0 errors\/s/.exec(lines.join('\n')) ?? [];
        const rows = trafficOf(lines);
        const sum = rows.reduce((total, [, requests]) => total + Number(requests), 0);
        // each is rounded by itself
        assert.ok(Math.abs(Number(all) - sum) <= rows.length, `the nodes together are all: ${all}, ${sum}`);
        for (const [name, , p99, errors] of rows) {
          assert.match(p99 ?? '', /^[\d.]+ m?s$/, name);
          assert.equal(errors, '0', name);
        }
      });
      assertNothingLost(ledger, 100);
      assert.ok(Math.max(...top.screen().map(({ length }) => length)) > 60);
      top.resize(60, 12);
      await until('it fits the smaller terminal', () => {
        const now = top.screen();
        return now.length <= 12 && now.every(({ length }) => length <= 60);
      });
      assert.match(top.screen().join('\n'), /● a /);
      top.press('\u001B[B'); // an arrow is no Escape
      const { code, stdout, stderr } = await service.lameduck('top');
      assert.equal(code, 0, stderr);
      assert.equal(stdout, stripVTControlCharacters(stdout), 'no terminal: plain');
      assert.match(stdout, /^shop/);
      top.press('xq'); // in one piece, as from somebody quick
      assert.equal(await top.ended(), 0);
      assertRestored(top.text());
      isStopped = true;
      const other = openTop(service.folder);
      await until('it is open', () => other.screen().join('\n').includes('● live'), 30_000);
      assert.equal(await service.stop(), 0);
      await until('it says that the controller went away', () =>
        other.screen().join('\n').includes('✖ the controller went away'),
      );
      other.press('\u0003');
      assert.equal(await other.ended(), 0);
      assertRestored(other.text());
    } finally {
      if (!isStopped) assert.equal(await service.stop(), 0);
    }
  });

  it('says that no controller is there, and leaves the terminal alone', async () => {
    const folder = makeRunFolder();
    try {
      const app = { entry: 'app.js' };
      const nodes = [{ name: 'a', address: '127.0.0.1:2', app }];
      const edges = [{ name: 'edge-1', listen: '127.0.0.1:1' }];
      writeFileSync(join(folder, 'lameduck.yaml'), JSON.stringify({ service: 'shop', edges, nodes }));
      const top = openTop(folder);
      assert.equal(await top.ended(), 3);
      assert.match(top.text(), /Cannot reach the controller on .*: a running "lameduck up"/);
      assert.ok(!top.text().includes(otherScreen.enter));
      const { code, stdout, stderr } = await runLameduck(folder, 'top');
      assert.deepEqual([code, stdout], [3, '']);
      assert.match(stderr, /^lameduck: Cannot reach the controller/);
      assert.equal(stderr, stripVTControlCharacters(stderr));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
