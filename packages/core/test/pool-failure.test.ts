import assert from 'node:assert/strict';
import { it } from 'node:test';
import { describeDelay, describeExit } from '../src/pool-failure.ts';
import type { PoolWorker } from '../src/pool-state.ts';
import { poolSettings as settings } from './support.ts';

const booting: PoolWorker = { id: 1, generation: 1, state: 'booting', crashes: 0, isKilled: false };

it('what ends by itself before it is ready could not start; what is killed, or ends later, has crashed', () => {
  const codeOf = (worker: PoolWorker, code: number | null, signal: string | null = null): string =>
    describeExit(worker, { code, signal }, settings).code;
  for (const code of [0, 1, 3, 9]) assert.equal(codeOf(booting, code), 'entryUnusable');
  assert.equal(codeOf(booting, null, 'SIGKILL'), 'startFailed');
  assert.equal(codeOf({ ...booting, state: 'ready' }, 1), 'startFailed');
});

it("a worker's own words come first, else how far it has come is told", () => {
  const said = { ...booting, failure: 'Cannot load "x"' };
  assert.equal(describeExit(said, { code: 3, signal: null }, settings).message, 'Cannot load "x"');
  assert.equal(describeDelay(said, 'ready', settings).message, 'Cannot load "x"');
  assert.match(
    describeDelay({ ...booting, step: 'startup' }, 'ready', settings).message,
    /^the worker was not ready within 2000 ms \(--ready-timeout\): its startup\(\) has not ended$/,
  );
  assert.match(
    describeDelay(booting, 'boot', { ...settings, nodeArguments: '--import ./a.mjs' }).message,
    /^the worker gave no sign of life within 1000 ms .*: Node has not reached the application \(--import \.\/a\.mjs\)$/,
  );
});
