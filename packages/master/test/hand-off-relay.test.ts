import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MasterToWorker, WorkerCounts } from '@lameduck/core';
import { pino } from 'pino';
import { HandOffRelay, type HandOffWorker } from '../src/hand-off.ts';

const idle: WorkerCounts = { open: 0, idle: 0, inFlight: 0, answered: 0, rssBytes: 0, loopLagMs: 0 };

/** A worker that only writes down what it is told. */
class Sibling implements HandOffWorker {
  counts: WorkerCounts;
  isReachable = true;
  readonly told: MasterToWorker[] = [];
  readonly adopted: number[] = [];

  constructor(open = 0) {
    this.counts = { ...idle, open };
  }

  send(message: MasterToWorker): void {
    this.told.push(message);
  }

  sendHandle(message: MasterToWorker): boolean {
    if (this.isReachable && message.type === 'adopt') this.adopted.push(message.connection);
    return this.isReachable;
  }
}

function relayAmong(...siblings: readonly Sibling[]): {
  relay: HandOffRelay;
  giver: Sibling;
  workers: Map<number, Sibling>;
  offer(connection: number): { closes: number };
} {
  const giver = new Sibling();
  const workers = new Map([giver, ...siblings].map((sibling, id) => [id, sibling]));
  const takers = (): number[] => [...workers.keys()].filter((id) => id > 0);
  const relay = new HandOffRelay({ takers, worker: (id) => workers.get(id) }, pino({ level: 'silent' }));
  const offer = (connection: number): { closes: number } => {
    const copy = {
      closes: 0,
      close: () => {
        copy.closes += 1;
      },
    };
    relay.offered(0, connection, copy);
    return copy;
  };
  return { relay, giver, workers, offer };
}

test('connections go to the sibling with the fewest, with those counted that its last beat does not know', () => {
  const [full, empty] = [new Sibling(3), new Sibling(1)];
  const { relay, offer } = relayAmong(full, empty);
  for (let connection = 1; connection <= 6; connection++) {
    offer(connection);
    const [id, sibling] = full.adopted.at(-1) === connection ? [1, full] : [2, empty];
    relay.answered(id, sibling.adopted.at(-1) ?? 0, true);
  }
  assert.deepEqual([full.adopted.length, empty.adopted.length], [2, 4]);
  // A beat counts them all.
  full.counts = { ...idle, open: 5 };
  empty.counts = { ...idle, open: 9 };
  offer(7);
  assert.equal(full.adopted.length, 3);
});

test('a sibling that does not answer gets two at most while another one answers', () => {
  const [silent, busy] = [new Sibling(0), new Sibling(1000)];
  const { offer } = relayAmong(silent, busy);
  for (let connection = 1; connection <= 4; connection++) offer(connection);
  assert.deepEqual([silent.adopted.length, busy.adopted.length], [2, 2]);
});

test('the copy is closed and the giver told once a sibling has taken the connection', () => {
  const sibling = new Sibling();
  const { relay, giver, offer } = relayAmong(sibling);
  const copy = offer(5);
  assert.equal(copy.closes, 0);
  relay.answered(1, sibling.adopted[0] ?? 0, true);
  assert.equal(copy.closes, 1);
  assert.deepEqual(giver.told, [{ type: 'handedOff', connection: 5, isTaken: true }]);
  // Only the one that was asked may answer, and once.
  relay.answered(1, sibling.adopted[0] ?? 0, true);
  assert.equal(copy.closes, 1);
});

test('what a sibling refuses, or has not taken when it dies, goes to the next one, and back when none is left', () => {
  const siblings = [new Sibling(0), new Sibling(1), new Sibling(2)];
  const { relay, giver, workers, offer } = relayAmong(...siblings);
  const copy = offer(5);
  const [first, second, third] = siblings;
  relay.answered(1, first?.adopted[0] ?? 0, false);
  assert.equal(second?.adopted.length, 1);
  workers.delete(2);
  relay.exited(2);
  assert.equal(third?.adopted.length, 1);
  // A late answer of one that was asked before means nothing.
  relay.answered(1, first?.adopted[0] ?? 0, true);
  assert.deepEqual(giver.told, []);
  relay.answered(3, third?.adopted[0] ?? 0, false);
  assert.deepEqual(giver.told, [{ type: 'handedOff', connection: 5, isTaken: false }]);
  assert.equal(copy.closes, 1);
});

test('a sibling that cannot be reached is passed over; with no sibling the giver keeps its connection', () => {
  const [gone, there] = [new Sibling(0), new Sibling(9)];
  gone.isReachable = false;
  const { offer } = relayAmong(gone, there);
  offer(1);
  assert.equal(there.adopted.length, 1);
  const alone = relayAmong();
  const copy = alone.offer(2);
  assert.deepEqual(alone.giver.told, [{ type: 'handedOff', connection: 2, isTaken: false }]);
  assert.equal(copy.closes, 1);
});

test('a connection in transit outlives the worker that gave it', () => {
  const sibling = new Sibling();
  const { relay, workers, offer } = relayAmong(sibling);
  const copy = offer(1);
  workers.delete(0);
  relay.exited(0);
  assert.equal(copy.closes, 0);
  relay.answered(1, sibling.adopted[0] ?? 0, true);
  assert.equal(copy.closes, 1);
});
