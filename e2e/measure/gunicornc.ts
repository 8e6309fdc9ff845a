/*
 * What it costs to steer a Gunicorn node by `gunicornc` behind the back of lameduck, under load:
 * `node e2e/measure/gunicornc.ts [gunicorn|lame-gunicorn] [ROUNDS] [ACT]`, after a build and `scripts/newer-gunicorn.sh`.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { NodeStatus, ServiceStatus } from '@lameduck/core';
import { newerGunicorn } from '../support/newer-gunicorn.ts';
import { type RunningService, runService } from '../support/run-service.ts';
import { underLoad } from '../support/under-load.ts';

const [kind = 'gunicorn', rounds = '3', only] = process.argv.slice(2) as [
  'gunicorn' | 'lame-gunicorn',
  string,
  string?,
];
if (newerGunicorn.command === undefined) throw new Error(newerGunicorn.why);
const gunicornc = `${newerGunicorn.command}c`;
const acts = ['nothing', 'reload', 'worker kill PID', 'worker add 1', 'worker remove 1', 'shutdown'];

const environment = { LAMEDUCK_GUNICORN: newerGunicorn.command };
const service = await runService({ nodes: [kind, kind], mode: 'gate' }, { environment });
try {
  for (const act of acts.filter((one) => only === undefined || one === only)) {
    const sums = { requests: 0, lost: 0, twice: 0 };
    for (let round = 0; round < Number(rounds); round += 1) {
      const { sent, lost, server } = await underLoad(service, { connections: 30 }, () => perform(act));
      sums.requests += sent;
      sums.lost += lost;
      sums.twice += server?.duplicates.length ?? 0;
    }
    process.stdout.write(`${kind} ${act}: ${JSON.stringify(sums)}\n`);
  }
} finally {
  await service.stop();
}

async function perform(act: string): Promise<void> {
  await wait(2_000);
  const [worker] = (await firstNode(service)).workers;
  if (act !== 'nothing') await tell(act.replace('PID', String(worker?.pid)));
  // long enough for a node that was shut down to be back
  await wait(9_000);
}

async function tell(command: string): Promise<void> {
  const socket = join('.lameduck', 'nodes', 'a', 'gunicorn.ctl');
  await promisify(execFile)(gunicornc, ['-s', socket, '-c', command], { cwd: service.folder });
}

async function firstNode({ lameduck }: RunningService): Promise<NodeStatus> {
  const { nodes } = (await lameduck('status', '--json')).json as ServiceStatus;
  if (nodes[0] === undefined) throw new Error('there is no node');
  return nodes[0];
}
