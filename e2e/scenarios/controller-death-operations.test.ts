import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { OperationKind } from '@lameduck/core';
import { assertNothingLost } from '../support/assertions.ts';
import { type Death, describeDeath, serveMortal } from '../support/deaths.ts';
import { gentleRate, loadOn } from '../support/edge-loads.ts';
import { freePorts } from '../support/ports.ts';
import { nodeOf } from '../support/reports.ts';

interface Step extends Death {
  /** What is done before. */
  readonly before?: OperationKind;
  /** Nothing of the node moves any more: only SIGKILL ends it. */
  readonly isFrozen?: true;
}

const steps: readonly Step[] = [
  { at: 'after remove', command: 'stop', node: 'a', settled: 'reverted' },
  { at: 'after terminate', command: 'stop', node: 'b', settled: 'resumed', ends: 'stopped' },
  { at: 'before start', command: 'start', node: 'b', settled: 'resumed' },
  { at: 'before settle', command: 'stop', node: 'a', settled: 'resumed', ends: 'stopped' },
  { at: 'after start', command: 'start', node: 'a', settled: 'resumed' },
  { at: 'before restore', command: 'ready', node: 'b', settled: 'resumed', before: 'drain' },
  { at: 'before kill', command: 'restart', node: 'c', settled: 'resumed', before: 'drain', isFrozen: true },
];

describe('E9: three edges with the gate, and every operation', () => {
  let ports: readonly number[];
  const mortal = serveMortal(async () => {
    ports = await freePorts(3);
    const edges = ports.map((port, index) => ({
      name: `edge-${index + 1}`,
      listen: `127.0.0.1:${port}`,
      mode: 'gate',
    }));
    const shutdown = { timeoutGracefulShutdown: '4s', margin: '1s' };
    return { nodes: ['app', 'gunicorn', 'app'], config: { edges, shutdown } };
  });

  async function run(command: OperationKind, node: string): Promise<void> {
    const { code, stderr } = await mortal.service.lameduck(command, node);
    assert.equal(code, 0, `${command} ${node}: ${stderr}`);
  }

  async function freeze(name: string): Promise<void> {
    const { pid = 0, workers } = await nodeOf(mortal.service, name);
    for (const one of [pid, ...workers.map((worker) => worker.pid)]) process.kill(one, 'SIGSTOP');
  }

  it('of a controller that dies in stop, start, ready or before SIGKILL is settled: lost 0, no node left out', async (t) => {
    const ledgers = await loadOn(
      mortal.service,
      ports,
      async () => {
        for (const step of steps) {
          if (step.before !== undefined) await run(step.before, step.node);
          if (step.isFrozen) await freeze(step.node);
          const report = await mortal.die(step);
          t.diagnostic(`${describeDeath(step)}: ${report.reason}`);
          assert.deepEqual(
            [report.operation, report.node, report.interrupted?.settled],
            [step.command, step.node, step.settled],
            describeDeath(step),
          );
        }
      },
      gentleRate,
    );
    for (const ledger of ledgers) assertNothingLost(ledger, 300);
    const sent = ledgers.reduce((all, ledger) => all + ledger.sent, 0);
    t.diagnostic(`${steps.length} deaths, ${sent} requests, 0 lost`);
  });
});
