import { join } from 'node:path';
import { createAppRunner } from '../../src/adapters/app/app-runner.ts';
import { fixtures, makeRealNode } from '../fixtures/node-runner/real-node.ts';
import { describeNodeRunner } from '../node-runner-contract.ts';

const folder = join(fixtures, 'node-runner');
const masterCommand = [process.execPath, join(folder, 'master.mjs'), 'run'];

describeNodeRunner('an application under our master', () =>
  makeRealNode(
    (options, isBroken) =>
      createAppRunner({
        ...options,
        masterCommand,
        workers: 2,
        entry: isBroken ? 'broken-app.mjs' : './app.mjs',
      }),
    { directory: folder },
  ),
);
