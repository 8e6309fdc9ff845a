import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { assertNothingLost } from '../support/assertions.ts';
import { type RunningService, runService } from '../support/run-service.ts';
import { projectRoot } from '../support/service-config.ts';
import { underLoad } from '../support/under-load.ts';
import { until } from '../support/until.ts';

const launcher = join(projectRoot, 'packages', 'cli', 'bin', 'lameduck.cjs');
const noTerminal =
  spawnSync('script', ['--version']).error === undefined ? false : 'no script(1) here to make a terminal';

/** `lameduck top` in a terminal of 120 columns; `screen` is what it shows now, as lines. */
function openTop({ folder }: RunningService): {
  screen(): readonly string[];
  quit(): Promise<number | null>;
} {
  const command = `stty cols 120 rows 30; exec '${process.execPath}' '${launcher}' top`;
  const child = spawn('script', ['-qec', command, '/dev/null'], {
    cwd: folder,
    env: { ...process.env, TERM: 'xterm-256color' },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text = (text + chunk).slice(-100_000);
  });
  return {
    screen() {
      // each screen begins at home; the last but one is whole
      const whole = text.split('\u001B[H').at(-2) ?? '';
      return whole.split('\r\n').map(stripVTControlCharacters);
    },
    async quit() {
      const closed = once(child, 'close');
      child.stdin.write('q');
      const [code] = await closed;
      return code as number | null;
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

describe('lameduck top in a terminal', { skip: noTerminal, timeout: 120_000 }, () => {
  it('shows what a real nginx counts under load, for all and for each node', async (t) => {
    const service = await runService({ nodes: ['app', 'app'], mode: 'gate' });
    try {
      const top = openTop(service);
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
        assert.equal(Number(all), sum, 'the nodes together are all');
        for (const [name, , p99, errors] of rows) {
          assert.match(p99 ?? '', /^[\d.]+ m?s$/, name);
          assert.equal(errors, '0', name);
        }
      });
      assert.equal(await top.quit(), 0);
      assertNothingLost(ledger, 100);
    } finally {
      assert.equal(await service.stop(), 0);
    }
  });
});
