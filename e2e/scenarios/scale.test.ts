import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { loadavg } from 'node:os';
import { after, before, describe, it } from 'node:test';
import { freePorts } from '../support/ports.ts';
import {
  drainMany,
  openSubject,
  quantile,
  type Subject,
  slowestProof,
  startListener,
} from '../support/scale.ts';

const nodes = 100;
const edges = 4;
/** The target, p99 from the command to the guard's word; on a machine that does much else, too (docs/guarantees.md). */
const decidedWithinMs = 250;
const provedWithinMs = 5_000;

describe(`${nodes} nodes behind ${edges} edges, all checked once a second`, () => {
  let listener: ChildProcess;
  let subject: Subject;
  before(async () => {
    const [port = 0] = await freePorts(1);
    listener = await startListener(port);
    subject = await openSubject(nodes, edges, port);
  });
  after(async () => {
    await subject.close();
    const ended = once(listener, 'exit');
    listener.kill('SIGTERM');
    await ended;
  });

  for (const atOnce of [1, 20]) {
    it(`E25: drains, ${atOnce} at once, are decided within ${decidedWithinMs} ms and proved within ${provedWithinMs} ms (p99)`, async (t) => {
      const answers = await drainMany(subject, nodes, 40, atOnce);
      const p99 = (all: readonly number[]): number =>
        quantile(
          all.toSorted((one, other) => one - other),
          0.99,
        );
      const decided = p99(answers.map(({ decidedMs }) => decidedMs));
      const proved = p99(answers.map(slowestProof));
      t.diagnostic(
        `p99: decided ${decided.toFixed(1)} ms, proved ${proved.toFixed(1)} ms, load ${loadavg()[0]?.toFixed(1)}`,
      );
      assert.ok(decided <= decidedWithinMs, `decided after ${decided} ms`);
      assert.ok(proved <= provedWithinMs, `proved after ${proved} ms`);
    });
  }
});
