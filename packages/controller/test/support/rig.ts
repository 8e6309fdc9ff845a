import type { CheckResult, Config } from '@lameduck/core';
import { parseConfig } from '@lameduck/core';
import { pino } from 'pino';
import { createFakeEdge, type FakeEdge } from '../../src/adapters/fake/edge.ts';
import { createFakeNode, type FakeNode } from '../../src/adapters/fake/node-runner.ts';
import { openSqliteStore } from '../../src/adapters/sqlite/store.ts';
import { systemClock } from '../../src/adapters/system/clock.ts';
import { createCheckLoop } from '../../src/checks/check-loop.ts';
import { type Controller, createController } from '../../src/controller.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { HealthChecker } from '../../src/ports/health-checker.ts';
import type { Store } from '../../src/ports/store.ts';

/** A controller over fakes: edges, nodes and checks that a test moves by hand. Only the store is real, in memory. */
export interface Rig {
  readonly controller: Controller;
  readonly edges: readonly FakeEdge[];
  readonly nodes: ReadonlyMap<string, FakeNode>;
  readonly store: Store;
  node(name: string): FakeNode;
  /** Nodes whose checks fail. */
  readonly sick: Set<string>;
  /** The controller is gone, as after SIGKILL: from now on no timer of it fires. */
  crash(): void;
}

export interface RigOptions {
  readonly nodes?: readonly string[];
  readonly edges?: number;
  readonly config?: Record<string, unknown>;
  readonly store?: Store;
  /** The nodes of an earlier rig, as a controller finds them after the one before it has died. */
  readonly found?: ReadonlyMap<string, FakeNode>;
}

export function makeRig(options: RigOptions = {}): Rig {
  const names = options.nodes ?? ['a', 'b', 'c'];
  const config = makeConfig(names, options.edges ?? 1, options.config ?? {});
  const edgeNodes = config.nodes.map(({ name, address, weight }) => ({ name, address, weight }));
  const edges = config.edges.map(({ name }) => createFakeEdge({ name, nodes: edgeNodes }));
  const nodes = options.found ?? new Map(names.map((name) => [name, createFakeNode()]));
  const sick = new Set<string>();
  const store = options.store ?? openSqliteStore(':memory:');
  const mortal = mortalClock();
  const controller = createController({
    config,
    edges,
    runners: new Map([...nodes].map(([name, node]) => [name, options.found ? node.reopen() : node.runner])),
    store,
    checks: createCheckLoop({ checker: fakeChecker(config, nodes, sick), clock: mortal.clock }),
    clock: mortal.clock,
    logger: pino({ level: 'silent' }),
  });
  const node = (name: string): FakeNode => nodes.get(name) as FakeNode;
  return { controller, edges, nodes, store, node, sick, crash: mortal.die };
}

function makeConfig(nodes: readonly string[], edges: number, extra: Record<string, unknown>): Config {
  const parsed = parseConfig({
    service: 'shop',
    edges: Array.from({ length: edges }, (_, index) => ({
      name: `e${index}`,
      listen: `127.0.0.1:${100 + index}`,
    })),
    nodes: nodes.map((name, index) => ({
      name,
      address: `127.0.0.1:${200 + index}`,
      process: { start: 'x' },
    })),
    health: { interval: '10ms', rise: 2, fall: 2 },
    shutdown: { timeoutGracefulShutdown: '1s', margin: '1s', drainTimeout: '300ms' },
    startup: { timeout: '1s' },
    ...extra,
  });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.config;
}

function mortalClock(): { clock: Clock; die: () => void } {
  const cancels = new Set<() => void>();
  let isDead = false;
  const schedule: Clock['schedule'] = (ms, callback) => {
    if (isDead) return () => {};
    const cancel = systemClock.schedule(ms, callback);
    cancels.add(cancel);
    return cancel;
  };
  const die = (): void => {
    isDead = true;
    for (const cancel of cancels) cancel();
  };
  return { clock: { ...systemClock, schedule }, die };
}

/** A node answers well while it runs and is not sick. */
function fakeChecker(
  config: Config,
  nodes: ReadonlyMap<string, FakeNode>,
  sick: ReadonlySet<string>,
): HealthChecker {
  return {
    async check(address): Promise<CheckResult> {
      const name = config.nodes.find((node) => node.address === address)?.name ?? '';
      const passed = nodes.get(name)?.running() !== undefined && !sick.has(name);
      return { passed, detail: passed ? 'status 200' : 'status 503', ms: 1 };
    },
    close: async () => {},
  };
}

/** Asks until it is true; the state machines need a few turns of the loop. */
export async function until(what: string, isTrue: () => boolean | Promise<boolean>): Promise<void> {
  for (const deadline = performance.now() + 5000; !(await isTrue()); ) {
    if (performance.now() > deadline) throw new Error(`waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export const never: AbortSignal = new AbortController().signal;
