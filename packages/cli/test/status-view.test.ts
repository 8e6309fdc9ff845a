import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { NodeStatus } from '@lameduck/core';
import type { Screen } from '../src/output/screen.ts';
import { formatStatus } from '../src/output/status-view.ts';

const quiet = (): void => {};
const screen: Screen = {
  isJson: false,
  isLive: false,
  print: quiet,
  note: quiet,
  json: quiet,
  paint: (_, text) => text,
};

function node(name: string, states: readonly string[]): NodeStatus {
  return {
    name,
    kind: 'gunicorn',
    address: '127.0.0.1:8001',
    state: 'ready',
    stateMs: 1_000,
    inRotation: true,
    inFlight: 0,
    health: 'up',
    pid: 7,
    workers: states.map((state, index) => ({ pid: 10 + index, state })),
  };
}

describe('the text of lameduck status', () => {
  it('names workers that are hung beside the number of all', () => {
    const nodes = [node('a', ['ready', 'ready']), node('b', ['ready', 'hung', 'hung'])];
    const text = formatStatus({ service: 'shop', pid: 1, edges: [], nodes }, screen);
    assert.match(text, /^a .* pid 7 {2,}2 *$/m);
    assert.match(text, /^b .* pid 7 {2,}3, 2 hung *$/m);
  });
});
