import assert from 'node:assert/strict';
import { get } from 'node:http';
import { after, before, describe, it } from 'node:test';
import type { OperationReport } from '@lameduck/core';
import { assertNothingTwice } from '../support/assertions.ts';
import { nodeOf, reportOf } from '../support/reports.ts';
import { type RunningService, runService } from '../support/run-service.ts';
import { underLoad } from '../support/under-load.ts';
import { isRunning, until } from '../support/until.ts';

const grace = { timeoutGracefulShutdown: '2s', margin: '1s', drainTimeout: '1s' };

describe('a node that does not end by itself', () => {
  let service: RunningService;
  before(async () => {
    service = await runService({ nodes: ['app', 'gunicorn', 'app'], config: { shutdown: grace } });
  });
  after(async () => {
    assert.equal(await service.stop(), 0);
  });

  for (const name of ['a', 'b']) {
    it(`E12, R24: node ${name}, frozen with a request in flight, is killed after grace and margin, never earlier, it alone, and the loss is told`, async () => {
      const node = await nodeOf(service, name);
      const tree = [node.pid ?? 0, ...node.workers.map(({ pid }) => pid)];
      const hanging = new AbortController();
      for (let index = 0; index < 3; index += 1) hang(service.url, hanging.signal);
      await until(
        'a request that never ends is in flight',
        async () => (await nodeOf(service, name)).inFlight > 0,
      );
      let report: OperationReport | undefined;
      const ledger = await underLoad(service, { connections: { get: 10, post: 5 } }, async () => {
        for (const pid of tree) process.kill(pid, 'SIGSTOP');
        const result = await service.lameduck('stop', name, '--json');
        report = reportOf(result);
        assert.equal(result.code, 5, JSON.stringify(report));
        for (const pid of tree) assert.ok(!(await isRunning(pid)));
        assert.equal((await service.lameduck('start', name)).code, 0);
      });
      hanging.abort();
      assert.equal(report?.result, 'killed');
      assert.deepEqual(report.killed.toSorted(), tree.toSorted());
      assert.ok(report.lost >= 1, 'the request that was cut must be in the report');
      const wait = report.phases.find((phase) => phase.name === 'wait');
      assert.ok(wait && wait.ms >= 3000 && wait.ms < 4000, `killed after ${wait?.ms} ms, 3000 were promised`);
      assertNothingTwice(ledger);
      // what the frozen node had accepted is the exception that the promise makes; the others went on answering
      assert.ok(ledger.answered > 100);
    });
  }
});

/** A request that outlives every deadline, until the test takes it back. */
function hang(url: string, signal: AbortSignal): void {
  get(`${url}/slow?ms=600000`, { agent: false, signal }, (response) => response.resume()).on(
    'error',
    () => {},
  );
}
