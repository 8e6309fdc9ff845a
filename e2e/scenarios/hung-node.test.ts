import assert from 'node:assert/strict';
import { get } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { runLoad } from '@lameduck/ledger';
import { assertNothingTwice } from '../support/assertions.ts';
import { nodeOf, reportOf } from '../support/reports.ts';
import { type RunningService, runService } from '../support/run-service.ts';
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
    it(`E12: node ${name}, frozen with a request in flight, is killed after grace and margin, it alone, and the loss is told`, async () => {
      const node = await nodeOf(service, name);
      const tree = [node.pid ?? 0, ...node.workers.map(({ pid }) => pid)];
      const lost = Promise.allSettled([1, 2, 3].map(() => hang(service.url)));
      await until('a slow request is in flight', async () => (await nodeOf(service, name)).inFlight > 0);
      const load = runLoad({ url: service.url, connections: { get: 10, post: 5 } });
      for (const pid of tree) process.kill(pid, 'SIGSTOP');
      const result = await service.lameduck('stop', name, '--json');
      const report = reportOf(result);
      assert.equal(result.code, 5, JSON.stringify(report));
      assert.equal(report.result, 'killed');
      assert.deepEqual([...report.killed].sort(), [...tree].sort());
      assert.ok(report.lost >= 1, 'the request that was cut must be in the report');
      const wait = report.phases.find((phase) => phase.name === 'wait');
      assert.ok(wait && wait.ms >= 3000 && wait.ms < 4000, `killed after ${wait?.ms} ms, 3000 were promised`);
      for (const pid of tree) assert.ok(!(await isRunning(pid)));
      assert.equal((await service.lameduck('start', name)).code, 0);
      await lost;
      const ledger = await service.audit(await load.stop());
      assertNothingTwice(ledger);
      // what the frozen node had accepted is the exception that the promise makes; everything else was answered
      assert.ok(ledger.answered > 100);
    });
  }
});

/** A request that outlives every deadline; resolves or rejects when its connection ends. */
function hang(url: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = get(`${url}/slow?ms=600000`, { agent: false }, (response) => {
      response.resume().on('end', resolve);
    });
    request.on('error', reject);
  });
}
