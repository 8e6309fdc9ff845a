import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { createGunicornRunner } from '../../src/adapters/gunicorn/gunicorn-runner.ts';
import { fixtures, makeRealNode } from '../fixtures/node-runner/real-node.ts';
import { describeNodeRunner } from '../node-runner-contract.ts';
import { newerTool } from '../support/newer-tool.ts';
import { describeGunicorn } from './gunicorn-cases.ts';

// Gunicorn as it is upstream now: a control socket (25.1), the Uvicorn worker in a package of its own.
const { path: command, why } = newerTool('gunicorn');
const version = spawnSync(command, ['--version'], { encoding: 'utf8' });
const directory = join(fixtures, 'python');
const soon = (): AbortSignal => AbortSignal.timeout(60_000);

if (version.status !== 0) {
  it('a current Gunicorn', { skip: why }, () => undefined);
} else {
  describeGunicorn('FastAPI under a current Gunicorn', { command });

  describeNodeRunner('FastAPI under a current Gunicorn', () =>
    makeRealNode(
      (options, isBroken) =>
        createGunicornRunner({
          ...options,
          command,
          workers: 2,
          app: isBroken ? 'broken_api:app' : 'api:app',
          settleMs: 30_000,
        }),
      { directory },
    ),
  );

  describe('a current Gunicorn', () => {
    it('has the worker of uvicorn-worker, and a control socket of its own that its gunicornc can ask', async (t) => {
      t.diagnostic(version.stdout.trim());
      const make = (): ReturnType<typeof makeRealNode> =>
        makeRealNode((options) => createGunicornRunner({ ...options, command, workers: 1, app: 'api:app' }), {
          directory,
        });
      const nodes = await Promise.all([make(), make()]);
      try {
        await Promise.all(nodes.map(({ runner }) => runner.start(soon())));
        for (const { options, readLog } of nodes) {
          assert.match(readLog(), /Using worker: uvicorn_worker\.UvicornWorker/);
          const socket = join(options.stateDirectory, 'gunicorn.ctl');
          assert.ok(existsSync(socket), 'each node has a socket of its own');
          const asked = await promisify(execFile)(join(dirname(command), 'gunicornc'), [
            '--socket',
            socket,
            '-c',
            'show workers',
          ]);
          assert.match(asked.stdout, /\d+/);
        }
      } finally {
        for (const node of nodes) await node.close();
      }
    });
  });
}
