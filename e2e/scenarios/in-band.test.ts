import { describe, it } from 'node:test';
import { assertNothingLost } from '../support/assertions.ts';
import { restartInTurn, serveAlone } from '../support/supervisor.ts';
import { underLoad } from '../support/under-load.ts';

describe('SIGTERM behind a stock nginx while no controller lives', () => {
  const alone = serveAlone({ nodes: ['app', 'app', 'app'], mode: 'reload' });

  it('E26: under mixed load, node after node, 5 times, loses nothing and executes nothing twice', async () => {
    const ledger = await underLoad(alone.service, { connections: 40 }, () =>
      restartInTurn(alone.supervisor.nodes, 5),
    );
    assertNothingLost(ledger, 2000);
  });
});
