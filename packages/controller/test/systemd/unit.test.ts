import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parseTimeMs, parseUnit, type Unit } from '../../src/adapters/systemd/unit.ts';
import { judgeUnit } from '../../src/adapters/systemd/unit-rules.ts';
import { fixtures } from '../fixtures/node-runner/real-node.ts';

const limits = { timeoutGracefulShutdownMs: 30_000, marginMs: 5_000, startupMs: 60_000 };
const running = parseUnit(readFileSync(join(fixtures, 'systemd', 'running.txt'), 'utf8'));

describe('a unit as systemctl shows it', () => {
  it('times are read as systemd writes them', () => {
    const times = ['1min 30s', '45s', '500ms', 'infinity', '1h 2min', '1.5s', 'soon', ''].map(parseTimeMs);
    assert.deepEqual(times, [
      90_000,
      45_000,
      500,
      Number.POSITIVE_INFINITY,
      3_720_000,
      1500,
      undefined,
      undefined,
    ]);
  });

  it('one that fits has no findings', () => {
    assert.deepEqual(judgeUnit(running, limits), []);
  });

  const wrong: readonly [Partial<Unit>, rule: string, text: RegExp][] = [
    [{ TimeoutStopUSec: '10s' }, 'TimeoutStopSec', /is 10.0 s, less than .* \(35.0 s\).* still have time/],
    [{ KillMode: 'control-group' }, 'KillMode', /SIGTERM from systemd and from their master/],
    [{ KillMode: 'process' }, 'KillMode', /never killed/],
    [{ KillSignal: '3' }, 'KillSignal', /not SIGTERM/],
    [{ SendSIGKILL: 'no' }, 'SendSIGKILL', /only lameduck kills/],
    [{ Restart: 'no' }, 'Restart', /stays stopped/],
    [{ Type: 'notify', TimeoutStartUSec: '20s' }, 'TimeoutStartSec', /systemd gives up first/],
    [{ Type: 'oneshot' }, 'Type', /no main process/],
    [{ TriggeredBy: 'shop@a.socket' }, 'TriggeredBy', /next connection/],
    [{ NeedDaemonReload: 'yes' }, 'NeedDaemonReload', /has changed/],
  ];
  for (const [changes, rule, text] of wrong) {
    it(`${JSON.stringify(changes)} is told`, () => {
      const [finding, ...others] = judgeUnit({ ...running, ...changes }, limits);
      assert.deepEqual([finding?.rule, others], [rule, []]);
      assert.match(finding?.text ?? '', text);
    });
  }

  it('no time at all and no limit are both enough', () => {
    for (const TimeoutStopUSec of ['infinity', '0', '35s']) {
      assert.deepEqual(judgeUnit({ ...running, TimeoutStopUSec }, limits), []);
    }
  });
});
