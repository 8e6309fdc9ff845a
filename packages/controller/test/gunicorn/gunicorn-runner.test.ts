import { join } from 'node:path';
import { createGunicornRunner } from '../../src/adapters/gunicorn/gunicorn-runner.ts';
import { fixtures, makeRealNode } from '../fixtures/node-runner/real-node.ts';
import { describeNodeRunner } from '../node-runner-contract.ts';

const directory = join(fixtures, 'python');

describeNodeRunner('FastAPI under Gunicorn', () =>
  makeRealNode(
    (options, isBroken) =>
      createGunicornRunner({
        ...options,
        workers: 2,
        app: isBroken ? 'broken_api:app' : 'api:app',
        // a broken application is known by its end, however late that comes on a busy machine
        settleMs: 30_000,
      }),
    { directory },
  ),
);
