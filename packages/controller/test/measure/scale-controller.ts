/*
 * One controller for `e2e/measure/scale.ts`: real nginx edges with the gate, a real store, real checks; the nodes are addresses of one
 * listener, and nobody starts or stops them. Told what to do over IPC.
 *   node packages/controller/test/measure/scale-controller.ts FOLDER NODES PORT EDGE_PORT...
 */
import { join } from 'node:path';
// built, as it is delivered: Node needs memory of its own to run TypeScript as it is
import {
  createController,
  createHealthChecks,
  createNginxEdge,
  type NodeRunner,
  openSqliteStore,
  systemClock,
} from '@lameduck/controller';
import { type OperationProgress, parseConfig } from '@lameduck/core';
import { pino } from 'pino';

const [folder = '', count = '3', port = '', ...edgePorts] = process.argv.slice(2);
const nodes = Array.from({ length: Number(count) }, (_, index) => ({
  name: `n${index}`,
  address: `127.1.${index >> 8}.${index & 255}:${port}`,
  process: { start: 'true' },
}));
const edges = edgePorts.map((edgePort, index) => ({
  name: `e${index}`,
  listen: `127.0.0.1:${edgePort}`,
  mode: 'gate',
}));
const parsed = parseConfig({
  service: 'scale',
  nodes,
  edges,
  availability: { minAvailable: '50%' },
  health: { path: '/', interval: '1s' },
});
if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
const { config } = parsed;
const logger = pino({ level: process.env['SCALE_LOG'] ?? 'silent' });

/** Always there. */
const runner: NodeRunner = {
  find: async () => ({ pid: process.pid, startTime: 0 }),
  check: async () => [],
  start: async () => ({ pid: process.pid, startTime: 0 }),
  died: () => new Promise(() => {}),
  terminate: async () => {},
  exited: async () => {},
  kill: async () => [],
  workers: async () => [],
};

const controller = createController({
  config,
  version: '0.0.0',
  store: openSqliteStore(join(folder, 'store.db')),
  edges: config.edges.map((edge) =>
    createNginxEdge({
      name: edge.name,
      service: config.service,
      mode: 'gate',
      nginx: edge.nginx,
      directory: join(folder, edge.name),
      nodes: config.nodes.map(({ name, address, weight }) => ({ name, address, weight })),
      balance: config.balance,
      quiesceTimeoutMs: edge.quiesceTimeoutMs,
      environment: process.env,
      logger,
      kind: 'managed',
      listen: edge.kind === 'managed' ? edge.listen : { kind: 'tcp', host: '127.0.0.1', port: 1 },
      promiseToken: '5ca1e',
    }),
  ),
  runners: new Map(config.nodes.map(({ name }) => [name, runner])),
  checks: createHealthChecks(config, logger),
  clock: systemClock,
  logger,
});

type Wish =
  | { readonly type: 'drain' | 'ready'; readonly node: string }
  | { readonly type: 'status' }
  | { readonly type: 'close' };

async function obey(wish: Wish): Promise<object> {
  const began = performance.now();
  if (wish.type === 'close') {
    await controller.close(AbortSignal.timeout(20_000));
    return {};
  }
  if (wish.type === 'status') {
    const { nodes: shown } = await controller.status();
    return { ms: performance.now() - began, nodes: shown.length };
  }
  let decidedMs = Number.NaN;
  const onProgress = (progress: OperationProgress): void => {
    if (progress.type === 'phase' && progress.phase === 'remove') decidedMs = performance.now() - began;
  };
  const report = await controller.operate(wish.type, wish.node, onProgress);
  return { ms: performance.now() - began, decidedMs, report };
}

process.on('message', (message: Wish & { readonly id: number }) => {
  obey(message).then(
    (answer) => {
      process.send?.({ id: message.id, ...answer });
      if (message.type === 'close') process.disconnect();
    },
    (error: unknown) => process.send?.({ id: message.id, error: String(error) }),
  );
});

// all nodes are there already: what is adopted need not have risen before the edges open
await controller.open(AbortSignal.timeout(120_000));
process.send?.({ id: 0, opened: true });
