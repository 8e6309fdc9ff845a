import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import type { Server } from 'node:http';
import { test } from 'node:test';
import { afterQuietTurn } from '../src/quiet-turn.ts';

/** Finds a new connection in each turn of the event loop, until it is stopped. */
class BusyServer extends EventEmitter {
  turns = 0;
  isBusy = true;

  constructor() {
    super();
    const turn = (): void => {
      if (!this.isBusy) return;
      this.turns += 1;
      this.emit('connection');
      setImmediate(turn);
    };
    setImmediate(turn);
  }
}

function quietTurn(server: EventEmitter): Promise<void> {
  return new Promise((resolve) => {
    afterQuietTurn(server as Server, resolve);
  });
}

test('a turn with a new connection is not quiet; the first one without is', async () => {
  const server = new BusyServer();
  let atTurn: number | undefined;
  const quiet = quietTurn(server).then(() => {
    atTurn = server.turns;
  });
  while (server.turns < 100) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(atTurn, undefined);
  server.isBusy = false;
  await quiet;
  assert.equal(server.listenerCount('connection'), 0);
});

test('a server that never has a quiet turn is given up after a second', async () => {
  const server = new BusyServer();
  const startedAt = performance.now();
  await quietTurn(server);
  server.isBusy = false;
  const ms = performance.now() - startedAt;
  assert.ok(ms >= 1000 && ms < 10_000, `after ${ms} ms`);
  assert.equal(server.listenerCount('connection'), 0);
});
