import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { codeOf, useApi } from '../support/api.ts';

describe('an idempotency key', () => {
  const served = useApi();

  it('makes a request that is sent again find the operation that it began: while it runs, and after', async () => {
    const headers = { 'idempotency-key': 'one' };
    const [first, second] = await Promise.all([
      served.api.ask('POST', '/v1/nodes/a/restart', { headers }),
      served.api.ask('POST', '/v1/nodes/a/restart', { headers }),
    ]);
    const third = await served.api.ask('POST', '/v1/nodes/a/restart', { headers });
    assert.equal(first?.status, 200);
    assert.deepEqual(second?.lines, first?.lines);
    assert.deepEqual(third.lines, first?.lines);
    assert.equal((await served.rig.controller.history(10)).length, 1);
  });

  it('is refused for another request', async () => {
    const headers = { 'idempotency-key': 'one' };
    const other = await served.api.ask('POST', '/v1/nodes/b/restart', { headers });
    assert.deepEqual([other.status, codeOf(other)], [409, 'conflict']);
  });

  it('is free again where nothing was begun', async () => {
    const headers = { 'idempotency-key': 'two' };
    served.rig.sick.add('b').add('c');
    for (let turn = 0; turn < 400; turn += 1) {
      const answer = await served.api.ask('GET', '/v1/preview/drain/a');
      if (!(answer.json as { allowed: boolean }).allowed) break;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const refused = await served.api.ask('POST', '/v1/rollout', { headers, body: '{"batch":1}' });
    assert.equal(refused.status, 409);
    served.rig.sick.clear();
    for (let turn = 0; turn < 400; turn += 1) {
      const answer = await served.api.ask('GET', '/v1/preview/drain/a');
      if ((answer.json as { allowed: boolean }).allowed) break;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const begun = await served.api.ask('POST', '/v1/rollout', { headers, body: '{"batch":1}' });
    assert.equal(begun.status, 200);
    assert.equal((begun.lines.at(-1) as { type: string }).type, 'report');
  });
});
