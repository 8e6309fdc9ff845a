import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ask } from '../support/ask.ts';
import { assertNothingLost } from '../support/assertions.ts';
import { restartInTurn, serveAlone } from '../support/supervisor.ts';
import { underLoad } from '../support/under-load.ts';

describe('SIGTERM behind a stock nginx while no controller lives', () => {
  const alone = serveAlone({ nodes: ['app', 'app', 'app'], mode: 'reload' });

  it('E26: with one POST a second and nothing else, 5 times, loses nothing', async () => {
    const trickle = { connections: { post: 1 }, ratePerConnection: 1 };
    const ledger = await underLoad(alone.service, trickle, () => restartInTurn(alone.supervisor.nodes, 5));
    assertNothingLost(ledger, 4);
  });

  it('E28: with all other nodes dead a lame duck serves what nginx finds no other node for', async () => {
    const [a, b, c] = alone.supervisor.nodes;
    assert.ok(a && b && c);
    await Promise.all([b.kill(), c.kill()]);
    const leaving = a.terminate();
    for (let turn = 0; turn < 20; turn += 1) {
      const get = await ask(alone.service.url, 'GET', `/fast?id=e28-${turn}`);
      assert.equal(get.status, 200, get.body);
      assert.equal((JSON.parse(get.body) as { node: string }).node, 'a');
      assert.equal((await ask(alone.service.url, 'POST', `/echo?id=e28-post-${turn}`)).status, 200);
    }
    await leaving;
    await Promise.all(alone.supervisor.nodes.map((node) => node.start()));
  });
});
