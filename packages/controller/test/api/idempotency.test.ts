import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Api, codeOf, openApi } from '../support/api.ts';
import { makeRig, never, type Rig } from '../support/rig.ts';

describe('an idempotency key', () => {
  let rig: Rig;
  let api: Api;
  before(async () => {
    rig = makeRig();
    await rig.controller.open(never);
    api = await openApi(rig);
  });
  after(async () => {
    await api.close();
    await rig.controller.close(AbortSignal.abort());
  });

  it('makes a request that is sent again find the operation that it began: while it runs, and after', async () => {
    const headers = { 'idempotency-key': 'one' };
    const [first, second] = await Promise.all([
      api.ask('POST', '/v1/nodes/a/restart', { headers }),
      api.ask('POST', '/v1/nodes/a/restart', { headers }),
    ]);
    const third = await api.ask('POST', '/v1/nodes/a/restart', { headers });
    assert.equal(first?.status, 200);
    assert.deepEqual(second?.lines, first?.lines);
    assert.deepEqual(third.lines, first?.lines);
    assert.equal((await rig.controller.history(10)).length, 1);
  });

  it('is refused for another request', async () => {
    const headers = { 'idempotency-key': 'one' };
    const other = await api.ask('POST', '/v1/nodes/b/restart', { headers });
    assert.deepEqual([other.status, codeOf(other)], [409, 'conflict']);
  });

  it('is free again where nothing was begun', async () => {
    const headers = { 'idempotency-key': 'two' };
    rig.sick.add('b').add('c');
    for (let turn = 0; turn < 400; turn += 1) {
      const answer = await api.ask('GET', '/v1/preview/drain/a');
      if (!(answer.json as { allowed: boolean }).allowed) break;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const refused = await api.ask('POST', '/v1/rollout', { headers, body: '{"batch":1}' });
    assert.equal(refused.status, 409);
    rig.sick.clear();
    for (let turn = 0; turn < 400; turn += 1) {
      const answer = await api.ask('GET', '/v1/preview/drain/a');
      if ((answer.json as { allowed: boolean }).allowed) break;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const begun = await api.ask('POST', '/v1/rollout', { headers, body: '{"batch":1}' });
    assert.equal(begun.status, 200);
    assert.equal((begun.lines.at(-1) as { type: string }).type, 'report');
  });
});
