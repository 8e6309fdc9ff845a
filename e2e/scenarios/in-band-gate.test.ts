import { describe, it } from 'node:test';
import { assertNothingLost } from '../support/assertions.ts';
import { restartInTurn, serveAlone } from '../support/supervisor.ts';
import { underLoad } from '../support/under-load.ts';

describe('SIGTERM behind a gate while no controller lives', () => {
  const alone = serveAlone({ nodes: ['app', 'app', 'app'], mode: 'gate' });

  it('E26: under mixed load, node after node, loses nothing and executes nothing twice', async () => {
    const ledger = await underLoad(alone.service, { connections: 40 }, () =>
      restartInTurn(alone.supervisor.nodes, 3),
    );
    assertNothingLost(ledger, 500);
  });
});
