import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { findPanic } from '../src/availability.ts';
import { holdMs, longestHoldMs } from '../src/flap-damping.ts';
import {
  type CheckResult,
  explainDown,
  failPassively,
  type HealthState,
  isHeld,
  isOnlyHeld,
  stepHealth,
  unknownHealth,
} from '../src/health.ts';
import { firstDelayMs, nextDelayMs } from '../src/health-schedule.ts';
import { noErrors, type PassiveState, stepPassive } from '../src/passive-health.ts';

const limitsOf = fc.record({ rise: fc.integer({ min: 1, max: 9 }), fall: fc.integer({ min: 1, max: 9 }) });
const result = (passed: boolean): CheckResult => ({
  passed,
  detail: passed ? 'status 200' : 'status 503',
  ms: 1,
});

/** The states after each of the results, one a second. */
function run(
  results: readonly boolean[],
  limits: { rise: number; fall: number },
  from: HealthState = unknownHealth,
  beginsAt = 0,
): HealthState[] {
  const states = [from];
  results.forEach((passed, index) => {
    states.push(stepHealth(states.at(-1) as HealthState, result(passed), limits, beginsAt + index * 1000));
  });
  return states.slice(1);
}

describe('hysteresis of the checks', () => {
  it('E23: changes nothing while fewer results in a row agree than rise and fall say', () => {
    fc.assert(
      fc.property(limitsOf, fc.array(fc.boolean(), { maxLength: 200 }), (limits, results) => {
        const states = run(results, limits);
        let streak = 0;
        states.forEach((state, index) => {
          streak = index > 0 && results[index - 1] === results[index] ? streak + 1 : 1;
          const before = states[index - 1]?.verdict ?? 'unknown';
          if (state.verdict === before) return;
          assert.ok(streak >= (results[index] ? limits.rise : limits.fall), 'turned too early');
          assert.equal(state.verdict, results[index] ? 'up' : 'down');
        });
      }),
    );
  });

  it('turns at exactly the result that rise or fall names', () => {
    fc.assert(
      fc.property(limitsOf, (limits) => {
        const rising = run(Array<boolean>(limits.rise).fill(true), limits);
        assert.deepEqual(
          rising.map(({ verdict }) => verdict),
          [...Array<string>(limits.rise - 1).fill('unknown'), 'up'],
        );
        const falling = run(Array<boolean>(limits.fall).fill(false), limits, rising.at(-1));
        assert.deepEqual(
          falling.map(({ verdict }) => verdict),
          [...Array<string>(limits.fall - 1).fill('up'), 'down'],
        );
      }),
    );
  });

  it('has the reason and the time of the last change always at hand', () => {
    const limits = { rise: 2, fall: 3 };
    const up = run([true, true], limits).at(-1) as HealthState;
    assert.deepEqual(up.change, {
      from: 'unknown',
      to: 'up',
      reason: '2 checks in a row passed: status 200',
      atMs: 1000,
    });
    const down = run([false, false, false, true], limits, up, 5000).at(-1) as HealthState;
    assert.deepEqual(down.change, {
      from: 'up',
      to: 'down',
      reason: '3 checks in a row failed: status 503',
      atMs: 7000,
    });
    assert.equal(explainDown(down, 8000), '3 checks in a row failed: status 503');
    assert.equal(explainDown(up, 8000), undefined);
  });
});

describe('damping of a node that flaps', () => {
  const limits = { rise: 2, fall: 1 };
  const fallOften = (times: number, beginsAt = 0): HealthState => {
    let state: HealthState = { ...unknownHealth, verdict: 'up' };
    for (let count = 0; count < times; count += 1)
      state = { ...stepHealth({ ...state, verdict: 'up' }, result(false), limits, beginsAt) };
    return state;
  };

  it('E23: keeps it out for longer with each fall, and says so', () => {
    assert.deepEqual([1, 2, 3, 4, 5].map(holdMs), [0, 0, 10_000, 20_000, 40_000]);
    const down = fallOften(4, 1000);
    assert.ok(isHeld(down, 20_999) && !isHeld(down, 21_000));
    assert.match(
      explainDown(down, 9000) ?? '',
      /^kept out for 12\.0 s more, it failed 4 times .*: 1 check failed/,
    );
    const passing = run([true, true, true], limits, down, 2000).at(-1) as HealthState;
    assert.deepEqual([passing.verdict, isOnlyHeld(passing, limits, 5000)], ['down', true]);
    assert.equal(stepHealth(passing, result(true), limits, 21_000).verdict, 'up');
  });

  it('forgets falls that are long ago', () => {
    assert.equal(
      stepHealth({ ...fallOften(5), verdict: 'up' }, result(false), limits, 600_001).falls.count,
      1,
    );
  });

  it('is bounded: a node that passes for the longest hold and rise checks more is up', () => {
    fc.assert(
      fc.property(limitsOf, fc.array(fc.boolean(), { maxLength: 300 }), fc.nat(1e7), (any, results, at) => {
        const state = run(results, any, unknownHealth, at).at(-1) ?? unknownHealth;
        const now = at + results.length * 1000;
        assert.ok(state.falls.heldUntilMs <= now + longestHoldMs);
        const passes = Array<boolean>(any.rise + longestHoldMs / 1000).fill(true);
        assert.equal(run(passes, any, state, now).at(-1)?.verdict, 'up');
      }),
    );
  });
});

describe('errors that the edges count', () => {
  const limits = { errors: 5, withinMs: 10_000 };
  const errorsOf = ({ recent }: PassiveState): number => recent.reduce((all, { errors }) => all + errors, 0);
  const sum = (samples: readonly (readonly [number, number | undefined])[]): number => {
    let state: PassiveState = noErrors;
    for (const [atMs, total] of samples) state = stepPassive(state, { atMs, total }, limits);
    return errorsOf(state);
  };

  it('are those within the window, whatever was before the first sample', () => {
    assert.equal(sum([[0, 100]]), 0);
    assert.equal(
      sum([
        [0, 100],
        [1000, 103],
        [9000, 104],
      ]),
      4,
    );
    assert.equal(
      sum([
        [0, 100],
        [1000, 103],
        [11_000, 104],
      ]),
      1,
    );
    assert.equal(
      sum([
        [0, 100],
        [1000, 2],
      ]),
      2,
      'an edge that was started anew',
    );
  });

  it('age while the edge says nothing, and what it counted meanwhile is new when it answers again', () => {
    const before = [
      [0, 100],
      [1000, 104],
    ] as const;
    assert.equal(sum([...before, [10_999, undefined]]), 4);
    assert.equal(sum([...before, [11_000, undefined]]), 0);
    assert.equal(sum([...before, [11_000, undefined], [12_000, 107]]), 3);
    assert.equal(sum([[0, undefined], ...before]), 4, 'an edge that is late is no edge that counted');
  });

  it('are exactly those that came within the window, whether the edge answered at each time or not', () => {
    const steps = fc.array(fc.tuple(fc.nat(3000), fc.nat(4), fc.boolean()), { maxLength: 60 });
    fc.assert(
      fc.property(steps, (gaps) => {
        let [state, atMs, total, unseen] = [stepPassive(noErrors, { atMs: 0, total: 0 }, limits), 0, 0, 0];
        const came: [number, number][] = [];
        for (const [gap, added, isSilent] of gaps) {
          atMs += gap;
          total += added;
          unseen += added;
          state = stepPassive(state, { atMs, total: isSilent ? undefined : total }, limits);
          if (!isSilent) {
            came.push([atMs, unseen]);
            unseen = 0;
          }
          const within = came.filter(([at]) => atMs - at < limits.withinMs);
          assert.equal(
            errorsOf(state),
            within.reduce((all, [, count]) => all + count, 0),
          );
        }
      }),
    );
  });

  it('make a node that is up fail at once, and it rises by its checks alone', () => {
    const checks = { rise: 2, fall: 3 };
    const up = run([true, true], checks).at(-1) as HealthState;
    const down = failPassively(up, '7 errors within 10.0 s at the edge', 3000);
    assert.deepEqual([down.verdict, explainDown(down, 3000)], ['down', '7 errors within 10.0 s at the edge']);
    assert.equal(failPassively(down, 'more', 4000), down);
    assert.deepEqual(
      run([true, true], checks, down, 4000).map(({ verdict }) => verdict),
      ['down', 'up'],
    );
  });
});

describe('the spread of checks', () => {
  it('E23: jitter keeps every interval within 10 % and fills the first one evenly', () => {
    const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(fc.integer({ min: 10, max: 60_000 }), chance, (interval, by) => {
        const next = nextDelayMs(interval, by);
        assert.ok(next >= interval * 0.9 && next <= interval * 1.1);
        const first = firstDelayMs(interval, by);
        assert.ok(first >= 0 && first < interval);
      }),
    );
  });
});

describe('the panic threshold', () => {
  const nodes = (up: number, down: number, unwanted = 0) => [
    ...Array.from({ length: up }, () => ({ isWanted: true, isDown: false })),
    ...Array.from({ length: down }, () => ({ isWanted: true, isDown: true })),
    ...Array.from({ length: unwanted }, () => ({ isWanted: false, isDown: true })),
  ];

  it('is crossed where fewer than that share are well; who is out on purpose does not count', () => {
    assert.equal(findPanic(nodes(2, 2), 50), undefined);
    assert.deepEqual(findPanic(nodes(1, 2), 50), { down: 2, of: 3 });
    assert.equal(findPanic(nodes(1, 0, 9), 50), undefined);
    assert.deepEqual(findPanic(nodes(0, 4), 1), { down: 4, of: 4 });
    assert.equal(findPanic(nodes(0, 4), undefined), undefined);
  });
});
