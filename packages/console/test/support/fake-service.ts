import type {
  AuditEntry,
  EdgeView,
  HistoryDetail,
  NodeState,
  NodeStatus,
  OperationKind,
  RolloutStatus,
  ServiceStatus,
  TrafficSample,
} from '@lameduck/core';

export type Emit = (event: string, data: unknown) => void;
type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export interface FakeNode extends Omit<Mutable<NodeStatus>, 'stateMs' | 'workers'> {
  sinceMs: number;
  workers: Mutable<NodeStatus['workers'][number]>[];
}

export interface FakeOptions {
  readonly nodes: number;
  readonly edges: number;
  readonly version: string | undefined;
  readonly hasPast: boolean;
}

/** Numbers that look like chance and are the same in every run. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1664525 + 1013904223) % 4294967296;
    return state / 4294967296;
  };
}

/** A service that is only played: its state, and traffic that follows it. */
export class FakeService {
  readonly nodes = new Map<string, FakeNode>();
  readonly edges: Mutable<EdgeView>[] = [];
  readonly history: HistoryDetail[] = [];
  readonly audit: AuditEntry[] = [];
  readonly traffic: TrafficSample[] = [];
  readonly random = seeded(7);
  name = 'shop';
  paused: ServiceStatus['paused'];
  panic: ServiceStatus['panic'];
  rollout: Mutable<RolloutStatus> | undefined;
  version: string | undefined;
  emit: Emit = () => {};

  constructor(options: FakeOptions) {
    this.version = options.version;
    const now = Date.now();
    for (let index = 0; index < options.nodes; index += 1)
      this.addNode(nameOf(index, options.nodes), index, now);
    for (let index = 1; index <= options.edges; index += 1) {
      this.edges.push({
        name: `edge-${index}`,
        mode: 'gate',
        state: 'ready',
        server: 'nginx/1.22.1',
        listen: `10.0.0.${index}:8080`,
        pid: 4100 + index,
        out: [],
        desired: [],
        isConverged: true,
      });
    }
  }

  addNode(name: string, index: number, now: number): void {
    const generation = 3;
    const workers = [0, 1, 2, 3].map((worker) => ({
      pid: 20_000 + index * 10 + worker,
      state: 'ready',
      inFlight: 1,
      open: 12,
      idle: 8,
      rss: 88_000_000 + index * 1_000_000,
      generation,
    }));
    this.nodes.set(name, {
      name,
      kind: index % 3 === 2 ? 'gunicorn' : 'app',
      address: `10.0.1.${10 + index}:8001`,
      state: 'ready',
      sinceMs: now - 3 * 3_600_000 - index * 61_000,
      inRotation: true,
      inFlight: 3 + (index % 5),
      health: 'up',
      lastCheck: 'status 200',
      pid: 19_000 + index,
      workers,
      connections: 40 + (index % 7),
      version: '2.14.0',
      weight: 1,
    });
  }

  node(name: string): FakeNode {
    const node = this.nodes.get(name);
    if (node === undefined) throw new Error(`no node "${name}" in the fake`);
    return node;
  }

  view(node: FakeNode): NodeStatus {
    const { sinceMs, ...status } = node;
    return { ...status, stateMs: Date.now() - sinceMs };
  }

  status(): ServiceStatus {
    return {
      service: this.name,
      pid: 4242,
      ...(this.version === undefined ? {} : { version: this.version }),
      ...(this.paused === undefined ? {} : { paused: this.paused }),
      ...(this.panic === undefined ? {} : { panic: this.panic }),
      ...(this.rollout === undefined ? {} : { rollout: this.rollout }),
      edges: this.edges,
      nodes: [...this.nodes.values()].map((node) => this.view(node)),
    };
  }

  /** Changes a node and tells it. */
  change(name: string, patch: Partial<FakeNode>): void {
    const node = this.node(name);
    if (patch.state !== undefined && patch.state !== node.state) node.sinceMs = Date.now();
    Object.assign(node, patch);
    this.emit('node', this.view(node));
  }

  setState(name: string, state: NodeState, reason?: string): void {
    const isDown = state === 'unhealthy';
    this.change(name, {
      state,
      inRotation: state === 'ready',
      health: isDown ? 'down' : 'up',
      ...(state === 'ready' || state === 'unhealthy' ? {} : { inFlight: this.node(name).inFlight }),
      ...(reason === undefined ? {} : { reason, lastCheck: reason }),
    });
  }

  setEdge(name: string, patch: Partial<EdgeView>): void {
    const edge = this.edges.find((each) => each.name === name);
    if (edge === undefined) throw new Error(`no edge "${name}" in the fake`);
    Object.assign(edge, patch);
    this.emit('edge', edge);
  }

  setFlags(): void {
    this.emit('service', {
      ...(this.paused === undefined ? {} : { paused: this.paused }),
      ...(this.panic === undefined ? {} : { panic: this.panic }),
      ...(this.rollout === undefined ? {} : { rollout: this.rollout }),
    });
  }

  serving(without?: string): number {
    return [...this.nodes.values()].filter(
      (node) => node.inRotation && node.health === 'up' && node.name !== without,
    ).length;
  }

  note(action: string, subject: string, result: string, reason?: string): void {
    const entry: AuditEntry = {
      id: this.audit.length + 1,
      at: new Date().toISOString(),
      who: 'ada',
      role: 'operator',
      from: '10.0.0.7 (console)',
      action,
      subject,
      result,
      ...(reason === undefined ? {} : { reason }),
    };
    this.audit.unshift(entry);
    this.emit('audit', entry);
  }

  preview(kind: OperationKind, name: string): Record<string, unknown> {
    const isReturn = kind === 'ready' || kind === 'start';
    const stays = isReturn ? this.serving(name) + 1 : this.serving(name);
    const allowed = isReturn || !this.node(name).inRotation || stays >= 1;
    const reason = `Cannot take node "${name}" out of rotation: at least 1 must stay: ${stays} healthy nodes would be left`;
    return {
      operation: kind,
      node: name,
      allowed,
      ...(allowed ? {} : { reason }),
      inRotation: this.serving(),
      staysInRotation: stays,
      of: this.nodes.size,
      inFlight: this.node(name).inFlight,
      atMostMs: isReturn ? 30_000 : kind === 'drain' ? 30_000 : 35_000,
    };
  }

  /** One second of traffic at `atMs`, by who is in rotation. */
  sample(atMs: number): TrafficSample {
    const wave = 1 + 0.22 * Math.sin(atMs / 47_000) + 0.1 * Math.sin(atMs / 9000);
    const nodes: Record<string, Mutable<TrafficSample['nodes'][string]>> = {};
    const total = { requests: 0, errors: 0, p50Ms: 0, p99Ms: 0 };
    const share = Math.min(2, this.nodes.size / Math.max(1, this.serving()));
    for (const node of this.nodes.values()) {
      const requests = node.inRotation ? Math.round((190 + 40 * this.random()) * wave * share) : 0;
      const errors = node.health === 'down' ? Math.round(requests / 4) : 0;
      nodes[node.name] = { requests, errors, inFlight: node.inFlight, p50Ms: 9, p99Ms: 60 };
      total.requests += requests;
      total.errors += errors;
    }
    total.p50Ms = Math.round((8 + 2 * wave + this.random()) * 10) / 10;
    total.p99Ms = Math.round(46 * wave + 14 * this.random());
    return { atMs, spanMs: 1000, nodes, total };
  }

  /** What a second brings: in flight, traffic, checks. */
  tick(): void {
    for (const node of this.nodes.values()) {
      if (!node.inRotation) continue;
      node.inFlight = Math.max(
        0,
        Math.round(9 + 8 * Math.sin(Date.now() / 9000 + node.name.length) * this.random()),
      );
      node.connections = 40 + Math.round(6 * this.random());
      this.emit('node', this.view(node));
    }
    const sample = this.sample(Date.now());
    this.traffic.push(sample);
    this.emit('traffic', sample);
    this.emit('checks', {
      at: new Date().toISOString(),
      checks: [...this.nodes.values()]
        .filter(({ state }) => state !== 'stopped')
        .map(({ name, health, reason }) =>
          health === 'down'
            ? { node: name, ms: 1000, passed: false, detail: reason ?? 'no answer in 1000 ms' }
            : { node: name, ms: 1 + 6 * this.random() ** 3 * 8, passed: true },
        ),
    });
  }
}

/** `a`, `b`, … for few nodes, `web-001`, … for many. */
function nameOf(index: number, count: number): string {
  return count <= 26 ? String.fromCharCode(97 + index) : `web-${String(index + 1).padStart(3, '0')}`;
}
