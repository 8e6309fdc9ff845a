// Started by e2e/measure/events.ts and on-screen.ts: a controller of NODES nodes and EDGES edges with the product's own checks and API,
// over fakes of edges and processes, until SIGTERM. Arguments: NODES EDGES PORT SOCKET [TCP-PORT TOKEN CONSOLE]: with the last three it
// serves the built console, too. EDGES is how many fakes there are, or `:PORT,PORT…`: then each is a real nginx that listens there, in a
// folder beside the socket.
import { basename, dirname, join } from 'node:path';
import { parseConfig, type TrafficSample } from '@lameduck/core';
import { pino } from 'pino';
import { createFakeEdge, type FakeEdge } from '../../src/adapters/fake/edge.ts';
import { createFakeNode } from '../../src/adapters/fake/node-runner.ts';
import { createFakeStore } from '../../src/adapters/fake/store.ts';
import { createNginxEdge } from '../../src/adapters/nginx/edge.ts';
import { systemClock } from '../../src/adapters/system/clock.ts';
import type { TrafficFeed } from '../../src/api/options.ts';
import { createRoutes } from '../../src/api/routes.ts';
import { serveApi, serveTcpApi } from '../../src/api/server.ts';
import { createTcpDoor } from '../../src/api/tcp-door.ts';
import { hashToken } from '../../src/api/tokens.ts';
import { createHealthChecks } from '../../src/checks/create-checks.ts';
import { createController } from '../../src/controller.ts';
import type { Edge } from '../../src/ports/edge.ts';

const [nodes, edges = '', port, socketPath = '', tcpPort, token = '', folder = ''] = process.argv.slice(2);
const isReal = edges.startsWith(':');
const edgePorts = isReal
  ? edges.slice(1).split(',').map(Number)
  : Array.from({ length: Number(edges) }, (_, index) => index + 1);
const parsed = parseConfig({
  service: 'many',
  edges: edgePorts.map((edgePort, index) => ({ name: `e${index}`, listen: `127.0.0.1:${edgePort}` })),
  nodes: Array.from({ length: Number(nodes) }, (_, index) => ({
    name: `n${index}`,
    address: `127.1.${Math.floor(index / 250)}.${(index % 250) + 1}:${port}`,
    process: { start: 'true' },
  })),
  health: { path: '/', interval: '1s', timeout: '1s' },
});
if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems.slice(0, 3)));
const { config } = parsed;

/** What a busy service counts: every node, every second, as the API tells it; fakes count nothing. */
const busy: TrafficFeed = {
  subscribe(listener) {
    const timer = setInterval(() => listener(sample()), 1000);
    return () => clearInterval(timer);
  },
  window: () => [],
};

function sample(): TrafficSample {
  const one = (): number => Math.round(Math.random() * 100);
  const of = config.nodes.map(({ name }) => [
    name,
    { requests: one(), errors: 0, p50Ms: one() / 10, p99Ms: one(), inFlight: one() },
  ]);
  return {
    atMs: Date.now(),
    spanMs: 1000,
    nodes: Object.fromEntries(of),
    total: { requests: 25_000, errors: 0, p50Ms: 4.2, p99Ms: 81 },
  };
}

const logger = pino({ level: 'silent' });
const edgeNodes = config.nodes.map(({ name, address, weight }) => ({ name, address, weight }));
const shared = { logger, service: config.service, nodes: edgeNodes, environment: process.env };

/** Its list of calls would grow for ever. */
function forgetful(edge: FakeEdge): Edge {
  setInterval(() => (edge.calls as string[]).splice(0), 10_000).unref();
  return edge;
}

function createEdge({ name, quiesceTimeoutMs }: (typeof config.edges)[number], index: number): Edge {
  if (!isReal) return forgetful(createFakeEdge({ name, nodes: edgeNodes }));
  const listen = { kind: 'tcp', host: '127.0.0.1', port: edgePorts[index] ?? 0 } as const;
  const directory = join(dirname(socketPath), `${basename(socketPath)}-${name}`);
  const about = { name, directory, listen, quiesceTimeoutMs, mode: 'auto', kind: 'managed' } as const;
  return createNginxEdge({ ...shared, ...about, balance: { type: 'round_robin' } });
}

const controller = createController({
  config,
  version: '0.0.0',
  edges: config.edges.map(createEdge),
  runners: new Map(config.nodes.map(({ name }) => [name, createFakeNode().runner])),
  store: createFakeStore(systemClock),
  checks: createHealthChecks(config, logger),
  clock: systemClock,
  logger,
});
await controller.open(new AbortController().signal);
const routes = createRoutes(controller, {
  ...(!isReal && { traffic: busy }),
  ...(folder !== '' && { console: folder }),
});
const api = await serveApi(routes, socketPath);
const tokens = [{ name: 'screen', role: 'operator', hash: hashToken(token) }] as const;
const door = createTcpDoor(tokens, [], systemClock);
const tcp =
  tcpPort === undefined
    ? undefined
    : await serveTcpApi(routes, { host: '127.0.0.1', port: Number(tcpPort), door });
process.stdout.write('ready\n');
process.once('SIGTERM', () => {
  void Promise.all([api.close(), tcp?.close()])
    .then(() => controller.close(AbortSignal.abort()))
    .then(() => process.exit(0));
});
