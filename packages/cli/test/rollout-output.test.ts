import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Criterion, OperationPlan, OperationReport, RolloutStatus } from '@lameduck/core';
import { formatPlan } from '../src/output/plan-view.ts';
import { formatReport } from '../src/output/report-view.ts';
import { addProgress, drawRollout, emptyPicture } from '../src/output/rollout-board.ts';
import type { Screen } from '../src/output/screen.ts';

const quiet = (): void => {};
const screen: Screen = {
  isJson: false,
  isLive: true,
  print: quiet,
  note: quiet,
  json: quiet,
  paint: (_, text) => text,
};

const criteria: readonly Criterion[] = [
  { name: 'health', verdict: 'passed' },
  { name: 'requests', verdict: 'passed', value: 107, limit: 100 },
  { name: 'errorRate', verdict: 'failed', value: 0.25, limit: 0.01 },
  { name: 'p99', verdict: 'pending', value: 34.4, limit: 50 },
];

function status(more: Partial<RolloutStatus>): RolloutStatus {
  const base = { id: 1, batch: 1, pending: [], running: [], done: [], beganAt: '2026-11-22T22:00:00.000Z' };
  return { ...base, state: 'running', ...more };
}

const report: OperationReport = {
  operation: 'restart',
  node: 'a',
  result: 'exited',
  phases: [],
  inFlight: 0,
  answered: 0,
  lost: 0,
  killed: [],
  ms: 4200,
};

describe('the board of a rollout', () => {
  it('shows canaries with their criteria first, then what is done, under way and to come', () => {
    const told = [
      { type: 'nodeReport', report },
      { type: 'phase', node: 'b', phase: 'drain' },
      { type: 'inFlight', node: 'b', count: 3 },
      {
        type: 'rollout',
        status: status({ canaryNodes: ['a'], done: ['a'], running: ['b'], pending: ['c'], criteria }),
      },
    ] as const;
    const picture = told.reduce((before, progress) => addProgress(before, progress, 0), emptyPicture);
    assert.deepEqual(drawRollout(picture, 1200, screen, 20), [
      'rollout  running  1 of 3 nodes done  batch 1',
      '✔ a  back in rotation after 4.2 s, lost 0  canary',
      '    ✔ healthy',
      '    ✔ requests 107 (at least 100)',
      '    ✖ errors 25% (at most 1%)',
      '    … p99 34 ms (at most 50 ms)',
      '⠹ b  wait for requests in flight: 3 in flight  1.2 s',
      '· c',
    ]);
  });

  it('counts the soak down, and tells once what cannot be measured', () => {
    const soakEndsAt = new Date(Date.now() + 6_200).toISOString();
    const reason = 'the edges count no requests';
    const skipped = (['requests', 'errorRate', 'p99'] as const).map(
      (name): Criterion => ({ name, verdict: 'skipped', reason }),
    );
    const soaking = status({
      state: 'soaking',
      soakEndsAt,
      canaryNodes: ['a'],
      done: ['a'],
      criteria: skipped,
    });
    const picture = addProgress(emptyPicture, { type: 'rollout', status: soaking }, 0);
    const lines = drawRollout(picture, 0, screen, 20);
    assert.match(lines[0] ?? '', /^rollout {2}soaking, 7 s left {2}1 of 1 nodes done/);
    assert.deepEqual(lines.slice(2), ['    – requests, errors, p99: the edges count no requests']);
  });

  it('fits into the screen, however many nodes there are', () => {
    const done = Array.from({ length: 100 }, (_, index) => `n${index}`);
    const picture = addProgress(emptyPicture, { type: 'rollout', status: status({ done }) }, 0);
    const lines = drawRollout(picture, 0, screen, 10);
    assert.ok(lines.length <= 11, `${lines.length} lines`);
    assert.equal(lines[1], '✔ 91 more');
  });
});

describe('a plan', () => {
  it('tells the way of a step once, and each line of nginx that would change', () => {
    const step = {
      stays: ['b', 'c'],
      phases: [{ name: 'check' as const }, { name: 'remove' as const, atMostMs: 90_000 }],
      hooks: [{ node: 'a', beforeStart: './deploy.sh' }],
      files: [{ edge: 'e', path: '/x', diff: '-old\n+new' }],
    };
    const plan: OperationPlan = {
      dryRun: true,
      operation: 'rollout',
      steps: [
        { ...step, nodes: ['a'], isCanary: true },
        {
          ...step,
          nodes: ['b'],
          isCanary: false,
          stays: [],
          hooks: [{ node: 'b', beforeStart: './deploy.sh' }],
        },
      ],
      skipped: ['d'],
      refused: 'too few',
      soak: { ms: 5000, success: { maxErrorRate: 0.01, maxP99Ratio: 2, minRequests: 100, isDemanded: true } },
      atMostMs: 185_000,
    };
    assert.deepEqual(formatPlan(plan, screen).split('\n'), [
      'rollout  dry run: nothing is touched',
      '',
      '1. canary a   b, c stay in rotation',
      '   check → out of rotation ≤ 1 m 30 s',
      '   beforeStart: ./deploy.sh',
      '   then soak 5.0 s: healthy, errors ≤ 1%, p99 ≤ 2 × that of the others, requests ≥ 100',
      '2. b   no node stays in rotation',
      '',
      'left alone: d',
      'at most 3 m 5 s, if every deadline is used up',
      'would be refused: too few',
      '',
      'nginx files for a (the others alike, see --json):',
      '--- e /x',
      '-old',
      '+new',
    ]);
  });
});

describe('a report', () => {
  it('says what was overruled, and what became of a version that failed', () => {
    const forced = formatReport({ ...report, overruled: 'the last one' }, screen);
    assert.match(forced, /\n {2}overruled: the last one$/);
    const failed = {
      ...report,
      result: 'failed',
      reason: 'it died',
      rolledBack: true,
      isBack: true,
    } as const;
    assert.match(
      formatReport(failed, screen),
      /\n {2}it died\n {2}rolled back to the version before, and serves again$/,
    );
    const left = { ...failed, rolledBack: false, isBack: undefined };
    const { isBack: _, ...gone } = left;
    assert.match(
      formatReport(gone, screen),
      /not rolled back: it has the version that is there, and does not serve$/,
    );
  });
});
