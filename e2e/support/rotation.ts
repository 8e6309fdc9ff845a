import { request } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { socketPath } from '@lameduck/controller/socket-path';
import type { ServiceStatus } from '@lameduck/core';
import type { RunningService } from './run-service.ts';

const lookMs = 50;

/**
 * Looks again and again, in what nginx itself answers, how many nodes each edge may send to; `stop` gives all that was
 * seen. It asks the API: a command for each look would be too slow to see a turn.
 */
export function watchRotation(service: RunningService): { stop(): Promise<readonly number[]> } {
  const seen: number[] = [];
  let isStopped = false;
  async function watch(): Promise<void> {
    while (!isStopped) {
      const { nodes, edges } = await status(service);
      for (const { out } of edges) seen.push(nodes.length - out.length);
      await pause(lookMs);
    }
  }
  const watching = watch();
  return {
    async stop() {
      isStopped = true;
      await watching;
      return seen;
    },
  };
}

async function status({ folder }: RunningService): Promise<ServiceStatus> {
  const place = socketPath(join(folder, '.lameduck'), 'control.sock');
  const body = await new Promise<string>((resolve, reject) => {
    request({ socketPath: place, path: '/v1/status', headers: { host: 'localhost' } }, (answer) =>
      text(answer).then(resolve, reject),
    )
      .once('error', reject)
      .end();
  });
  return JSON.parse(body) as ServiceStatus;
}
