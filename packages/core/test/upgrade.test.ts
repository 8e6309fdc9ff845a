import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  initialUpgrade,
  stepUpgrade,
  type UpgradeEffect,
  type UpgradeEvent,
  type UpgradeSettings,
  type UpgradeState,
} from '../src/upgrade.ts';

const settings: UpgradeSettings = { readyMs: 1000, handOverMs: 500, backOutMs: 4000, quickMs: 300 };

/** The world around an upgrade: the successor's process, the timer, and who holds pid file and control socket. */
class World {
  state: UpgradeState = initialUpgrade(settings);
  hasSuccessor = false;
  wasReady = false;
  wasTold = false;
  hasOffice = false;
  signals: string[] = [];
  timer: string | undefined;
  left = 0;
  readonly asked: number[] = [];
  readonly answered: { readonly ticket: number | undefined; readonly outcome: string }[] = [];

  send(event: UpgradeEvent): readonly UpgradeEffect[] {
    if (event.type === 'successorReady') this.wasReady = true;
    if (event.type === 'successorTookOver') this.hasOffice = true;
    if (event.type === 'successorExited') this.hasSuccessor = false;
    if (event.type === 'timerFired') this.timer = undefined;
    if (event.type === 'upgradeRequested' && event.ticket !== undefined) this.asked.push(event.ticket);
    const before = this.state;
    const { state, effects } = stepUpgrade(before, event);
    this.state = state;
    for (const effect of effects) this.perform(effect);
    if (state.phase === 'backingOut' && before.phase !== 'backingOut')
      assert.ok(this.signals.length > 0, 'a successor that was given up was not signalled in the same step');
    return effects;
  }

  private perform(effect: UpgradeEffect): void {
    switch (effect.type) {
      case 'startSuccessor':
        assert.ok(!this.hasSuccessor, 'two successors');
        assert.equal(this.left, 0, 'a successor after the end');
        this.hasSuccessor = true;
        this.wasReady = false;
        this.wasTold = false;
        this.signals = [];
        return;
      case 'signalSuccessor':
        assert.ok(this.hasSuccessor, 'signalled nobody');
        this.signals.push(effect.signal);
        return;
      case 'startTimer':
        this.timer = effect.timer;
        return;
      case 'cancelTimer':
        this.timer = undefined;
        return;
      case 'reclaim':
        assert.notEqual(this.state.phase, 'left', 'reclaimed from a successor that serves');
        this.hasOffice = false;
        return;
      case 'reply':
        this.answered.push({ ticket: effect.ticket, outcome: effect.outcome.type });
        return;
      case 'leave':
        assert.ok(this.hasSuccessor && this.wasReady && this.hasOffice, 'left without a successor in office');
        assert.deepEqual(this.signals, [], 'left to a successor that was given up');
        this.left++;
        return;
      case 'tellTakeOver':
        this.wasTold = true;
        return;
      case 'announceSuccessor':
        assert.ok(this.hasSuccessor);
    }
  }
}

const mode = fc.constantFrom('graceful' as const, 'quick' as const);
const fixed = (type: UpgradeEvent['type']): fc.Arbitrary<UpgradeEvent> =>
  fc.constant({ type, message: 'no', code: 1, signal: null } as unknown as UpgradeEvent);
const event: fc.Arbitrary<UpgradeEvent> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record(
      { type: fc.constant('upgradeRequested' as const), ticket: fc.nat(), obstacle: fc.constant('busy') },
      { requiredKeys: ['type', 'ticket'] },
    ),
  },
  { weight: 4, arbitrary: fixed('successorReady') },
  { weight: 4, arbitrary: fixed('successorTookOver') },
  { weight: 2, arbitrary: fixed('announced') },
  { weight: 1, arbitrary: fixed('announceFailed') },
  { weight: 1, arbitrary: fixed('successorFailed') },
  { weight: 3, arbitrary: fixed('successorExited') },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('timerFired' as const),
      timer: fc.constantFrom('ready' as const, 'handOver' as const, 'backOut' as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('stopRequested' as const), mode }) },
);

/** A process says nothing before it starts or after it ended, nothing twice, and takes over only when told. */
function isPossible(world: World, next: UpgradeEvent): boolean {
  if (next.type === 'timerFired') return world.timer === next.timer;
  if (next.type === 'successorReady') return world.hasSuccessor && !world.wasReady;
  if (next.type === 'successorTookOver') return world.hasSuccessor && world.wasTold && !world.hasOffice;
  if (next.type === 'announced' || next.type === 'announceFailed') return world.state.phase === 'announcing';
  return next.type === 'upgradeRequested' || next.type === 'stopRequested' || world.hasSuccessor;
}

function play(events: readonly UpgradeEvent[]): World {
  const world = new World();
  for (const next of events) if (isPossible(world, next)) world.send(next);
  return world;
}

/** A world in which a successor has come as far as a phase. */
function reach(phase: 'starting' | 'handingOver' | 'announcing' | 'left'): World {
  const world = new World();
  const way: readonly UpgradeEvent[] = [
    { type: 'upgradeRequested', ticket: 1 },
    { type: 'successorReady' },
    { type: 'successorTookOver' },
    { type: 'announced' },
  ];
  for (const next of way) if (world.state.phase !== phase) world.send(next);
  assert.equal(world.state.phase, phase);
  return world;
}

describe('upgrade: every history', () => {
  it('keeps the invariants, answers each ticket once, and leaves at most once', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 40, size: 'max' }), (events) => {
        const world = play(events);
        assert.ok(world.left <= 1);
        const isPending = ['starting', 'handingOver', 'announcing'].includes(world.state.phase);
        assert.equal(world.answered.length + (isPending ? 1 : 0), world.asked.length);
        if (isPending) world.send({ type: 'successorExited', code: 1, signal: null });
        assert.deepEqual(world.answered.map(({ ticket }) => ticket).toSorted(), world.asked.toSorted());
      }),
      { numRuns: 2000 },
    );
  });

  it('ends: whatever came before, an old master that stays has no successor and its office back', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 40, size: 'max' }), (events) => {
        const world = play(events);
        if (world.state.phase === 'left') return;
        world.send({ type: 'stopRequested', mode: 'graceful' });
        if (world.timer !== undefined) world.send({ type: 'timerFired', timer: 'backOut' });
        if (world.hasSuccessor) {
          assert.equal(world.signals.at(-1), 'SIGKILL');
          world.send({ type: 'successorExited', code: null, signal: 'SIGKILL' });
        }
        assert.equal(world.state.phase, 'idle');
        assert.equal(world.hasOffice, false);
        assert.equal(world.timer, undefined);
      }),
      { numRuns: 2000 },
    );
  });

  it('reaches every phase in the histories that are played', () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(fc.array(event, { maxLength: 40, size: 'max' }), (events) => {
        seen.add(play(events).state.phase);
      }),
      { numRuns: 2000, seed: 7 },
    );
    assert.deepEqual([...seen].toSorted(), [
      'announcing',
      'backingOut',
      'handingOver',
      'idle',
      'left',
      'starting',
    ]);
  });
});

describe('upgrade', () => {
  it('leaves when the successor is ready, has taken over and is known to the supervisor', () => {
    const world = reach('left');
    assert.equal(world.left, 1);
    assert.deepEqual(world.answered, [{ ticket: 1, outcome: 'done' }]);
    assert.equal(world.timer, undefined);
  });

  it('goes on where the successor fails, exits, is late or cannot be announced, and says why', () => {
    const cases: readonly (readonly [Parameters<typeof reach>[0], UpgradeEvent, RegExp])[] = [
      [
        'starting',
        { type: 'successorFailed', message: 'the new code is broken' },
        /^the new code is broken$/,
      ],
      ['starting', { type: 'successorExited', code: 78, signal: null }, /exited with code 78/],
      ['starting', { type: 'successorExited', code: null, signal: 'SIGSEGV' }, /was ended by SIGSEGV/],
      ['starting', { type: 'timerFired', timer: 'ready' }, /not ready within 1000 ms/],
      ['handingOver', { type: 'timerFired', timer: 'handOver' }, /did not take over within 500 ms/],
      ['announcing', { type: 'announceFailed', message: 'no systemd-notify' }, /no systemd-notify/],
      ['handingOver', { type: 'stopRequested', mode: 'graceful' }, /a stop of the old master/],
    ];
    for (const [phase, next, message] of cases) {
      const world = reach(phase);
      const reply = world.send(next).find((effect) => effect.type === 'reply');
      assert.ok(reply?.outcome.type === 'failed');
      assert.match(reply.outcome.message, message);
      assert.equal(world.left, 0);
    }
  });

  it('asks a successor that is given up to finish what it has, and kills it only after its deadline', () => {
    const world = reach('announcing');
    const effects = world.send({ type: 'announceFailed', message: 'no' });
    assert.ok(effects.some((effect) => effect.type === 'startTimer' && effect.ms === settings.backOutMs));
    assert.ok(effects.some((effect) => effect.type === 'reclaim'));
    world.send({ type: 'timerFired', timer: 'backOut' });
    assert.deepEqual(world.signals, ['SIGTERM', 'SIGKILL']);
    const end = world.send({ type: 'successorExited', code: null, signal: 'SIGKILL' });
    assert.ok(end.some((effect) => effect.type === 'reclaim'));
  });

  it('hurries a successor that is given up when a quick stop comes', () => {
    const world = reach('starting');
    world.send({ type: 'stopRequested', mode: 'graceful' });
    const effects = world.send({ type: 'stopRequested', mode: 'quick' });
    assert.ok(effects.some((effect) => effect.type === 'startTimer' && effect.ms === settings.quickMs));
    assert.deepEqual(world.signals, ['SIGTERM', 'SIGINT']);
  });

  it('answers "busy" while one is under way, is undone or is done, or where the master says so', () => {
    for (const phase of ['starting', 'handingOver', 'announcing', 'left'] as const) {
      const world = reach(phase);
      world.send({ type: 'upgradeRequested', ticket: 2 });
      assert.deepEqual(world.answered.at(-1), { ticket: 2, outcome: 'busy' });
    }
    const world = new World();
    world.send({ type: 'upgradeRequested', ticket: 3, obstacle: 'a reload under way' });
    assert.deepEqual(world.answered, [{ ticket: 3, outcome: 'busy' }]);
    assert.equal(world.hasSuccessor, false);
  });
});
