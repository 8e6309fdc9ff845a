import { join } from 'node:path';

export const projectRoot: string = join(import.meta.dirname, '..', '..');
const shop = join(projectRoot, 'examples', 'shop');

/** `lame-gunicorn` is a Gunicorn whose workers are lame ducks after SIGTERM. */
export type NodeKind = 'app' | 'gunicorn' | 'lame-gunicorn';

export interface ServiceSpec {
  readonly nodes: readonly NodeKind[];
  readonly mode?: 'auto' | 'gate' | 'reload';
  /** Merged over the configuration, key by key. */
  readonly config?: Record<string, unknown>;
  /** Merged over the edge. */
  readonly edge?: Record<string, unknown>;
  /** Merged over one node by name. */
  readonly overrides?: Readonly<Record<string, Record<string, unknown>>>;
}

/** Names of nodes: a, b, c … */
export function nodeName(index: number): string {
  return String.fromCharCode(97 + index);
}

/** The configuration of a service of the shop's example applications on these ports, the edge's first. */
export function serviceConfig(spec: ServiceSpec, ports: readonly number[], ledgerDir: string): object {
  const [edgePort, ...nodePorts] = ports;
  return {
    service: 'shop',
    edges: [{ name: 'edge-1', listen: `127.0.0.1:${edgePort}`, mode: spec.mode ?? 'auto', ...spec.edge }],
    nodes: spec.nodes.map((kind, index) => {
      const name = nodeName(index);
      return {
        name,
        address: `127.0.0.1:${nodePorts[index]}`,
        env: {
          LEDGER_DIR: ledgerDir,
          NODE_NAME: name,
          PORT: nodePorts[index],
          ...(kind === 'lame-gunicorn' ? { PYTHONPATH: pythonPath() } : {}),
        },
        ...kindConfig(kind),
        ...spec.overrides?.[name],
      };
    }),
    shutdown: { timeoutGracefulShutdown: '10s', margin: '4s' },
    ...spec.config,
  };
}

/** Before what a machine may need to find its own Python modules. */
export function pythonPath(): string {
  const own = process.env['PYTHONPATH'];
  return [join(projectRoot, 'python'), ...(own === undefined ? [] : [own])].join(':');
}

function kindConfig(kind: NodeKind): object {
  if (kind === 'app') return { app: { entry: join(shop, 'app.ts'), workers: 2 } };
  const gunicorn = { app: 'api:app', directory: join(shop, 'api'), workers: 2 };
  if (kind === 'gunicorn') return { gunicorn };
  return { gunicorn: { ...gunicorn, workerClass: 'lameduck_asgi.worker.LameDuckWorker' } };
}
