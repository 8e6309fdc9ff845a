import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before } from 'node:test';
import { statusOf } from './reports.ts';
import { type RunningService, runService, startUp } from './run-service.ts';
import { type Supervisor, superviseAlone } from './supervisor.ts';

/** All nodes are in rotation and well. */
export async function allServe(service: RunningService): Promise<boolean> {
  return (await statusOf(service)).nodes.every(({ state, inRotation }) => state === 'ready' && inRotation);
}

/** A service that somebody else has started, with a daemon beside it. */
export function serveWithDaemon(): {
  service: RunningService;
  supervisor: Supervisor;
  /** The launcher is that of another build, which takes over. */
  restart(by: NodeJS.Signals, launcher?: string): Promise<void>;
} {
  const state = {} as { service: RunningService; supervisor: Supervisor };
  const restart = async (by: NodeJS.Signals, launcher?: string): Promise<void> => {
    const exited = once(state.service.up, 'exit');
    state.service.up.kill(by);
    assert.deepEqual(await exited, by === 'SIGKILL' ? [null, by] : [0, null], state.service.log());
    const other = launcher === undefined ? {} : { launcher };
    state.service = await startUp(state.service, { command: 'daemon', ...other });
  };
  before(async () => {
    const service = await runService({ nodes: ['app', 'gunicorn', 'app'] });
    const refused = await service.lameduck('daemon');
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /another controller/);
    state.supervisor = await superviseAlone(service, ['a', 'b', 'c']);
    state.service = await startUp(service, { command: 'daemon' });
  });
  after(async () => {
    // nobody but an owner stops nodes and nginx
    const exited = once(state.service.up, 'exit');
    state.service.up.kill('SIGTERM');
    await exited;
    const up = await startUp(state.service);
    assert.equal(await up.stop(), 0);
  });
  return {
    get service() {
      return state.service;
    },
    get supervisor() {
      return state.supervisor;
    },
    restart,
  };
}
