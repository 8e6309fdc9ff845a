import type { OperationLimits } from '../src/operation-state.ts';
import type { PoolSettings } from '../src/pool-state.ts';

export const limits: OperationLimits = { drainMs: 3000, graceMs: 10_000, marginMs: 2000, startupMs: 5000 };

export const poolSettings: PoolSettings = {
  extraWorkers: 1,
  maxRecycling: 1,
  maxComing: 4,
  bootTimeoutMs: 1000,
  readyTimeoutMs: 2000,
  heartbeatTimeoutMs: 3000,
  minReadyMs: 0,
  deadlineMs: 4000,
  quickMs: 500,
  healthyMs: 5000,
};

/** A configuration that is right, to be made wrong in one place. */
export function validDocument(): Record<string, unknown> {
  return {
    service: 'shop',
    edges: [{ name: 'edge-1', listen: '127.0.0.1:8080' }],
    nodes: [
      { name: 'a', address: '127.0.0.1:8001', app: { entry: './app.ts', workers: 2 } },
      { name: 'b', address: '127.0.0.1:8002', gunicorn: { app: 'api:app', directory: './api' } },
      { name: 'c', address: '127.0.0.1:8003', process: { start: './serve.sh', pidfile: 'run/c.pid' } },
    ],
  };
}
