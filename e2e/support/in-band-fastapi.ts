import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { ask } from './ask.ts';
import { assertNothingLost } from './assertions.ts';
import { restartInTurn, serveAlone } from './supervisor.ts';
import { underLoad } from './under-load.ts';
import { until } from './until.ts';

/** SIGTERM to nodes of FastAPI while nobody has told the edge; `gunicorn` is another one than the machine's. */
export function testInBandFastApi(rounds: number, gunicorn?: string): void {
  const alone = serveAlone({
    nodes: ['lame-gunicorn', 'lame-gunicorn', 'lame-gunicorn'],
    mode: 'reload',
    ...(gunicorn === undefined ? {} : { gunicorn }),
  });

  it(`under mixed load, node after node, ${rounds} times, loses nothing and executes nothing twice`, async () => {
    const ledger = await underLoad(alone.service, { connections: 40 }, () =>
      restartInTurn(alone.supervisor.nodes, rounds),
    );
    assertNothingLost(ledger, 1000);
  });

  it('bounces what the edge has promised to send elsewhere', async () => {
    const token = readFileSync(join(alone.service.folder, '.lameduck', 'promise-token'), 'utf8').trim();
    const get = (): Promise<string> => outcome(`http://127.0.0.1:${alone.service.ports[1]}`, token);
    assert.equal(await get(), '200');
    const gone = alone.supervisor.nodes[0]?.terminate();
    await until('a bounce', async () => {
      const told = await get();
      // Refused would be a node that has stopped accepting without a bounce.
      assert.match(told, /^(200|ECONNRESET)$/);
      return told === 'ECONNRESET';
    });
    await gone;
  });
}

function outcome(url: string, token: string): Promise<string> {
  return ask(url, 'GET', '/fast', { 'x-lameduck-retry': token }).then(
    ({ status }) => String(status),
    (thrown: NodeJS.ErrnoException) => thrown.code ?? thrown.message,
  );
}
