import { parseArgs } from 'node:util';
import { FakeDaemon } from './fake-daemon.ts';

/*
 * Serves the built page with a daemon that is only played, to look at it:
 *   npm run dev --workspace @lameduck/console -- [--nodes 6] [--scenario calm|drain|rollout|danger|empty] [--port 8090]
 */

const { values } = parseArgs({
  options: {
    nodes: { type: 'string', default: '6' },
    port: { type: 'string', default: '8090' },
    scenario: { type: 'string', default: 'calm' },
  },
});

const nodes = values.scenario === 'empty' ? 0 : Number(values.nodes);
const daemon = await FakeDaemon.start({ nodes, port: Number(values.port), hasPast: nodes > 0, stepMs: 1500 });
daemon.tick();
process.stdout.write(`${daemon.url}\n`);

/** Plays the scenario again and again. */
async function play(): Promise<void> {
  for (;;) {
    if (values.scenario === 'drain') {
      await daemon.operate('drain', 'b');
      await daemon.operate('ready', 'b');
    } else if (values.scenario === 'rollout') await daemon.rollout(2);
    else break;
  }
  if (values.scenario === 'danger') {
    daemon.service.setState('c', 'unhealthy', 'status 503: database is away');
    daemon.service.setEdge('edge-2', { desired: [], out: ['a'], isConverged: false });
  }
}
await play();
