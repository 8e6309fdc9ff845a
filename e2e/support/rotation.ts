import { setTimeout as pause } from 'node:timers/promises';
import type { ServiceStatus } from '@lameduck/core';
import { askController } from './control-socket.ts';
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
      const { nodes, edges } = (await askController(service, 'GET', '/v1/status')) as ServiceStatus;
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
