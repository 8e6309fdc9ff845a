import { after, before, describe, it } from 'node:test';
import { assertNothingLost } from '../support/assertions.ts';
import { type RunningService, runService } from '../support/run-service.ts';
import { restartInTurn, type Supervisor, superviseAlone } from '../support/supervisor.ts';
import { underLoad } from '../support/under-load.ts';

const names = ['a', 'b', 'c'];

describe('SIGTERM behind a stock nginx while no controller lives', () => {
  let service: RunningService;
  let supervisor: Supervisor;
  before(async () => {
    service = await runService({ nodes: ['app', 'app', 'app'], mode: 'reload' });
    supervisor = await superviseAlone(service, names);
  });
  after(async () => {
    await supervisor.close();
    await service.stop();
  });

  it('E26: under mixed load, node after node, 5 times, loses nothing and executes nothing twice', async () => {
    const ledger = await underLoad(service, { connections: 40 }, () => restartInTurn(supervisor.nodes, 5));
    assertNothingLost(ledger, 2000);
  });
});
