import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  busiestNodes,
  clockTicks,
  columnsOf,
  lostBySecond,
  marksOf,
  stackedInFlight,
} from '../../src/model/chart-data.ts';
import { describePreview, explainRefusal } from '../../src/model/explain.ts';
import { formatAge, formatBytes, formatCount, formatMs, listNames } from '../../src/model/format.ts';
import { matchesHistory, outcomeOf } from '../../src/model/history-list.ts';
import { selectNodes, visibleRows } from '../../src/model/node-list.ts';
import { operationFromHistory } from '../../src/model/operation-view.ts';
import { formatRoute, parseRoute, type Route } from '../../src/model/route.ts';
import { errorsPerSecond, perSecond } from '../../src/model/traffic-now.ts';
import { compareVersions } from '../../src/model/version-skew.ts';
import { after, node, now, report, sample } from './support.ts';

describe('numbers and times', () => {
  it('are written short, with their unit', () => {
    assert.deepEqual([0, 9_940, 10_000, 59_999, 65_000, 3_900_000, 90_000_000].map(formatAge), [
      '0.0 s',
      '9.9 s',
      '10 s',
      '59 s',
      '1 min 05 s',
      '1 h 05 min',
      '1 d 01 h',
    ]);
    assert.deepEqual([0.42, 38.4, 999, 1600, 35_000, 125_000].map(formatMs), [
      '0.4 ms',
      '38 ms',
      '999 ms',
      '1.6 s',
      '35 s',
      '2 min 05 s',
    ]);
    assert.deepEqual([7, 1204, 12_400, 3_100_000].map(formatCount), ['7', '1,204', '12.4k', '3.1M']);
    assert.equal(formatBytes(88_000_000), '84 MiB');
  });

  it('are per second, whatever time a sample is of, and no failure is rounded away', () => {
    assert.deepEqual(
      [1000, 2000, 15_000].map((spanMs) => [perSecond(30, { spanMs }), errorsPerSecond(3, { spanMs })]),
      [
        [30, 3],
        [15, 2],
        [2, 1],
      ],
    );
    assert.equal(errorsPerSecond(0, { spanMs: 1500 }), 0);
  });

  it('list a few names and count the rest', () => {
    assert.equal(listNames(['a', 'b']), 'a and b');
    assert.equal(listNames(['a', 'b', 'c', 'd', 'e']), 'a, b and 3 more');
  });
});

describe('what the charts draw', () => {
  const traffic = [sample(now - 9000), sample(now - 2000), sample(now - 1000), sample(now)];

  it('has a gap where no sample came', () => {
    const [seconds, requests] = columnsOf(traffic, now - 20_000, [({ total }) => total.requests]);
    assert.deepEqual(requests, [10, null, 10, 10, 10]);
    assert.equal(seconds.length, 5);
    assert.deepEqual([...seconds].sort(), [...seconds]);
  });

  it('stacks nodes with all of them first, and the whole service last', () => {
    const [, both, first, all] = stackedInFlight([sample(now)], 0, ['a', 'b']);
    assert.deepEqual([both, first, all], [[9], [2], [9]]);
  });

  it('shows the busiest nodes, in the order of the configuration', () => {
    assert.deepEqual(busiestNodes(traffic, 0, 1, ['a', 'b']), ['b']);
    assert.deepEqual(busiestNodes(traffic, 0, 5, ['a', 'b']), ['a', 'b']);
  });

  it('labels round instants, no more than there is room for', () => {
    assert.deepEqual(clockTicks(1000, 1300, 3), [1080, 1200]);
    assert.deepEqual(clockTicks(1000, 1030, 3), [1000, 1010, 1020, 1030]);
    assert.deepEqual(clockTicks(1001, 1002, 0), []);
    assert.ok(clockTicks(0, 3_600_000_000, 5).length <= 6, 'not millions of them for a span without end');
  });

  it('marks what overlaps the window, and what was lost on its second', () => {
    const entry = {
      id: 1,
      operation: 'restart',
      subject: 'b',
      beganAt: new Date(now).toISOString(),
      report: report({ lost: 3 }),
      proofs: [],
      steps: [],
    } as const;
    const view = operationFromHistory(entry);
    assert.ok(view !== undefined);
    const rollout = {
      id: 2,
      state: 'running',
      batch: 1,
      pending: [],
      running: [],
      done: [],
      beganAt: new Date(now - 5).toISOString(),
    } as const;
    assert.deepEqual(
      marksOf([view], rollout, now).map(({ label }) => label),
      ['Rollout', 'Restart b'],
    );
    assert.deepEqual(marksOf([view], undefined, now + 60_000), []);
    assert.deepEqual([...lostBySecond([view])], [[Math.floor((now + 1600) / 1000), 3]]);
  });
});

describe('links', () => {
  it('lead back to where they came from', () => {
    const word = fc.string({ minLength: 1 });
    const route: fc.Arbitrary<Route> = fc.oneof(
      fc.constantFrom<Route>({ page: 'overview' }, { page: 'rollout' }),
      word.map((name) => ({ page: 'node', node: name }) as const),
      word.map((id) => ({ page: 'operation', id }) as const),
      word.map((search) => ({ page: 'history', search }) as const),
      word.map((search) => ({ page: 'audit', search }) as const),
    );
    fc.assert(fc.property(route, (each) => assert.deepEqual(parseRoute(formatRoute(each)), each)));
  });

  it('that cannot be read lead to the overview', () => {
    for (const hash of ['', '#', '#/nowhere/at/all', '#/nodes/'])
      assert.equal(parseRoute(hash).page, 'overview');
  });
});

describe('lists', () => {
  const views = [
    ...after().nodes.values(),
    { status: node('z', { state: 'unhealthy', reason: 'status 503' }), sinceMs: now },
  ];

  it('find a node by any of its words, worst first where that is asked for', () => {
    const query = { search: '503 unhealthy', state: undefined, order: 'configured' } as const;
    assert.deepEqual(
      selectNodes(views, query).map(({ status }) => status.name),
      ['z'],
    );
    const worst = selectNodes(views, { search: '', state: undefined, order: 'attention' });
    assert.equal(worst[0]?.status.name, 'z');
  });

  it('draw only rows near the screen, and never none of those that are on it', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -5000, max: 50_000 }),
        fc.integer({ min: 1, max: 2000 }),
        fc.nat(600),
        (top, height, count) => {
          const { from, to } = visibleRows(top, height, 44, count);
          assert.ok(from >= 0 && to <= count && from <= to && to - from <= Math.ceil(height / 44) + 14);
          for (let row = 0; row < count; row += 1) {
            const isSeen = row * 44 < top + height && (row + 1) * 44 > top;
            if (isSeen) assert.ok(row >= from && row < to);
          }
        },
      ),
    );
  });

  it('say how an operation ended and find it by that', () => {
    const entry = {
      id: 4,
      operation: 'stop',
      subject: 'b',
      beganAt: '',
      report: report({ result: 'killed', lost: 2, answered: 12 }),
    } as const;
    assert.deepEqual(outcomeOf(entry), {
      word: 'killed',
      tone: 'attention',
      detail: '12 of 14 in flight answered; 2 cut',
    });
    assert.ok(matchesHistory(entry, 'stop B killed'));
    assert.ok(!matchesHistory(entry, 'restart'));
  });
});

describe('plain words', () => {
  const preview = {
    operation: 'restart',
    node: 'b',
    allowed: true,
    inRotation: 3,
    staysInRotation: 2,
    of: 3,
    inFlight: 14,
    atMostMs: 35_000,
  } as const;

  it('say what an operation will do', () => {
    assert.equal(describePreview(preview, 'restart'), '2 of 3 stay in rotation; 14 in flight; at most 35 s');
    assert.equal(
      describePreview({ ...preview, staysInRotation: 3 }, 'ready'),
      '3 of 3 will be in rotation; at most 35 s',
    );
  });

  it('say why the guard refuses, and what helps', () => {
    assert.equal(
      explainRefusal('b', 'drain', { staysInRotation: 0, of: 2 }),
      'The guard does not let you drain b now: nobody would be left to answer. Bring another node back first.',
    );
  });

  it('compare versions by their first two numbers', () => {
    assert.deepEqual(
      ['0.1.7', '0.2.0', '0.0.9', '1.0.0', undefined, 'main'].map((version) =>
        compareVersions(version, '0.1.0'),
      ),
      ['same', 'newer', 'older', 'newer', 'unknown', 'unknown'],
    );
  });
});
