import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { nodeOf } from '../support/reports.ts';
import { runService } from '../support/run-service.ts';

describe('a controller that is frozen', () => {
  it('is given up by commands within 20 s, and does none of them when it goes on', async () => {
    const service = await runService({ nodes: ['app', 'app'] });
    try {
      service.up.kill('SIGSTOP');
      const beganAt = performance.now();
      const given = await Promise.all([service.lameduck('status'), service.lameduck('drain', 'a')]);
      assert.ok(performance.now() - beganAt < 25_000);
      for (const { code, stderr } of given) {
        assert.equal(code, 3, stderr);
        assert.match(stderr, /it does not answer/);
      }
      service.up.kill('SIGCONT');
      const { state, inRotation } = await nodeOf(service, 'a');
      assert.deepEqual([state, inRotation], ['ready', true]);
      assert.deepEqual((await service.lameduck('history', '--json')).json, []);
    } finally {
      service.up.kill('SIGCONT');
      assert.equal(await service.stop(), 0);
    }
  });
});
