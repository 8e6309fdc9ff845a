import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ask } from '../support/ask.ts';
import { assertNothingLost } from '../support/assertions.ts';
import { type RunningService, runService } from '../support/run-service.ts';
import { restartInTurn, type Supervisor, superviseAlone } from '../support/supervisor.ts';
import { underLoad } from '../support/under-load.ts';
import { until } from '../support/until.ts';

describe('SIGTERM to a Gunicorn behind a stock nginx while no controller lives', () => {
  let service: RunningService;
  let supervisor: Supervisor;
  before(async () => {
    service = await runService({
      nodes: ['lame-gunicorn', 'lame-gunicorn', 'lame-gunicorn'],
      mode: 'reload',
    });
    supervisor = await superviseAlone(service, ['a', 'b', 'c']);
  });
  after(async () => {
    await supervisor.close();
    await service.stop();
  });

  it('E26: under mixed load, node after node, 4 times, loses nothing and executes nothing twice', async () => {
    const ledger = await underLoad(service, { connections: 40 }, () => restartInTurn(supervisor.nodes, 4));
    assertNothingLost(ledger, 1000);
  });

  it('bounces what the edge has promised to send elsewhere', async () => {
    const token = readFileSync(join(service.folder, '.lameduck', 'promise-token'), 'utf8').trim();
    const get = (): Promise<string> => outcome(`http://127.0.0.1:${service.ports[1]}`, token);
    assert.equal(await get(), '200');
    const gone = supervisor.nodes[0]?.terminate();
    await until('a bounce', async () => {
      const told = await get();
      // Refused would be a node that has stopped accepting without a bounce.
      assert.match(told, /^(200|ECONNRESET)$/);
      return told === 'ECONNRESET';
    });
    await gone;
  });
});

function outcome(url: string, token: string): Promise<string> {
  return ask(url, 'GET', '/fast', { 'x-lameduck-retry': token }).then(
    ({ status }) => String(status),
    (thrown: NodeJS.ErrnoException) => thrown.code ?? thrown.message,
  );
}
