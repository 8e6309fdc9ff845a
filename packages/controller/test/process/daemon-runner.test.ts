import { join } from 'node:path';
import { createServerRunner } from '../../src/adapters/process/server-runner.ts';
import { fixtures, makeRealNode } from '../fixtures/node-runner/real-node.ts';
import { describeNodeRunner } from '../node-runner-contract.ts';

const server = join(fixtures, 'node-runner', 'server.mjs');

const portOf = (address: { kind: string; port?: number }): string => String(address.port);

describeNodeRunner('a daemon with a pid file', () =>
  makeRealNode((options, isBroken) => {
    const pidFile = join(options.directory, 'server.pid');
    const start = [process.execPath, server, portOf(options.address), '--pidfile', pidFile];
    return createServerRunner({ ...options, start: [...start, isBroken ? '--broken' : '--daemon'], pidFile });
  }),
);
