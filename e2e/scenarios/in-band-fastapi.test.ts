import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { ask } from '../support/ask.ts';
import { assertNothingLost } from '../support/assertions.ts';
import { newerGunicorn } from '../support/newer-gunicorn.ts';
import { restartInTurn, serveAlone } from '../support/supervisor.ts';
import { underLoad } from '../support/under-load.ts';
import { until } from '../support/until.ts';

const gunicorns = [
  { title: "the machine's Gunicorn", command: undefined, skip: false },
  {
    title: 'a Gunicorn, Uvicorn and FastAPI as they are upstream now',
    command: newerGunicorn.command,
    skip: newerGunicorn.command === undefined && newerGunicorn.why,
  },
];

for (const { title, command, skip } of gunicorns) {
  const environment = command === undefined ? {} : { LAMEDUCK_GUNICORN: command };
  describe(`SIGTERM to ${title} behind a stock nginx while no controller lives`, { skip }, () => {
    const alone = serveAlone(
      { nodes: ['lame-gunicorn', 'lame-gunicorn', 'lame-gunicorn'], mode: 'reload' },
      { environment },
    );

    it('E26: under mixed load, node after node, 4 times, loses nothing and executes nothing twice', async () => {
      const [first] = alone.supervisor.nodes;
      const running = readFileSync(`/proc/${first?.pid}/cmdline`, 'utf8');
      assert.ok(running.includes(command ?? '/gunicorn'), running);
      const ledger = await underLoad(alone.service, { connections: 40 }, () =>
        restartInTurn(alone.supervisor.nodes, 4),
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
  });
}

function outcome(url: string, token: string): Promise<string> {
  return ask(url, 'GET', '/fast', { 'x-lameduck-retry': token }).then(
    ({ status }) => String(status),
    (thrown: NodeJS.ErrnoException) => thrown.code ?? thrown.message,
  );
}
