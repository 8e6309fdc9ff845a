import assert from 'node:assert/strict';
import { afterEach } from 'node:test';
import type { CheckResult, Config, NodeStatus } from '@lameduck/core';
import { parseConfig } from '@lameduck/core';
import { pino } from 'pino';
import { createFakeEdge, type FakeEdge } from '../../src/adapters/fake/edge.ts';
import { createFakeNode, type FakeNode } from '../../src/adapters/fake/node-runner.ts';
import { createFakeStore, type FakeStore } from '../../src/adapters/fake/store.ts';
import { systemClock } from '../../src/adapters/system/clock.ts';
import { createCheckLoop } from '../../src/checks/check-loop.ts';
import { type Controller, createController } from '../../src/controller.ts';
import type { OnEffect } from '../../src/effect-point.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { HealthChecker } from '../../src/ports/health-checker.ts';
import type { NodeHooks } from '../../src/ports/node-hooks.ts';
import type { NodeRunner } from '../../src/ports/node-runner.ts';

/** A controller over fakes: edges, nodes, checks and a store that a test moves by hand. */
export interface Rig {
  readonly controller: Controller;
  readonly edges: readonly FakeEdge[];
  readonly nodes: ReadonlyMap<string, FakeNode>;
  readonly store: FakeStore;
  node(name: string): FakeNode;
  /** Nodes whose checks fail. */
  readonly sick: Set<string>;
  /** The controller is gone, as after SIGKILL: no timer of it fires, no call of it does anything or is answered. */
  crash(): void;
  isDead(): boolean;
  /** Promises of the product that were broken, in words; none so far if all is well. */
  readonly broken: string[];
}

export interface RigOptions {
  readonly nodes?: readonly string[];
  readonly edges?: number;
  readonly config?: Record<string, unknown>;
  readonly store?: FakeStore;
  /** The nodes of an earlier rig, as a controller finds them after the one before it has died. */
  readonly found?: ReadonlyMap<string, FakeNode>;
  /** The edges of an earlier rig. */
  readonly foundEdges?: readonly FakeEdge[];
  readonly sick?: Set<string>;
  readonly broken?: string[];
  /** Of the machine; the system's where none is given. */
  readonly clock?: Clock;
  readonly hooks?: ReadonlyMap<string, NodeHooks>;
  /** Told of each step of an operation, while the controller lives. */
  readonly onEffect?: OnEffect;
  /** `false`: the nodes belong to somebody else. */
  readonly isOwner?: boolean;
}

/** What the next controller finds of this one's world. */
export function worldOf(rig: Rig): Pick<RigOptions, 'store' | 'found' | 'foundEdges' | 'sick' | 'broken'> {
  return { store: rig.store, found: rig.nodes, foundEdges: rig.edges, sick: rig.sick, broken: rig.broken };
}

export function makeRig(options: RigOptions = {}): Rig {
  const names = options.nodes ?? ['a', 'b', 'c'];
  const config = makeConfig(names, options.edges ?? 1, options.config ?? {});
  const edgeNodes = config.nodes.map(({ name, address, weight }) => ({ name, address, weight }));
  const edges =
    options.foundEdges ?? config.edges.map(({ name }) => createFakeEdge({ name, nodes: edgeNodes }));
  const nodes = options.found ?? new Map(names.map((name) => [name, createFakeNode()]));
  const sick = options.sick ?? new Set<string>();
  const machineClock = options.clock ?? systemClock;
  const store = options.store ?? createFakeStore(machineClock);
  const broken = options.broken ?? [];
  const life = { isOver: false };
  const clock = mortalClock(machineClock, life);
  const mortal = <T extends object>(port: T): T => mortalPort(port, life);
  const controller = createController({
    config,
    edges: edges.map(mortal),
    runners: new Map(
      [...nodes].map(([name, node]) => {
        const runner = options.found ? node.reopen() : node.runner;
        return [name, mortal(watchSignals(name, runner, edges, broken))];
      }),
    ),
    store: mortal(store),
    checks: createCheckLoop({ checker: fakeChecker(config, nodes, sick), clock: clock.clock }),
    clock: clock.clock,
    hooks: new Map([...(options.hooks ?? [])].map(([name, hooks]) => [name, mortal(hooks)])),
    logger: pino({ level: 'silent' }),
    version: '0.0.0',
    isOwner: options.isOwner ?? true,
    onEffect: (point) => life.isOver || options.onEffect?.(point),
  });
  const node = (name: string): FakeNode => nodes.get(name) as FakeNode;
  const crash = (): void => {
    life.isOver = true;
    clock.stop();
  };
  return { controller, edges, nodes, store, node, sick, crash, isDead: () => life.isOver, broken };
}

/** Proof before signal, whoever calls. */
function watchSignals(
  name: string,
  runner: NodeRunner,
  edges: readonly FakeEdge[],
  broken: string[],
): NodeRunner {
  return {
    ...runner,
    async terminate(process) {
      // also one that is down: it must start without the node, whoever starts it
      const open = edges.filter((edge) => !edge.leavesOut(name)).map((edge) => edge.name);
      if (open.length > 0) broken.push(`${name} was signalled while ${open.join(', ')} could pick it`);
      await runner.terminate(process);
    },
  };
}

interface Life {
  isOver: boolean;
}

/** A port in the hands of a controller that may die: then nothing is called any more, and no answer arrives. */
function mortalPort<T extends object>(port: T, life: Life): T {
  const lost = new Promise<never>(() => {});
  return new Proxy(port, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      return (...given: unknown[]): unknown => {
        if (life.isOver) return lost;
        const answer: unknown = value.apply(target, given);
        if (!(answer instanceof Promise)) return answer;
        return answer.then(
          (result) => (life.isOver ? lost : result),
          (error) => (life.isOver ? lost : Promise.reject(error)),
        );
      };
    },
  });
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

function mortalClock(machine: Clock, life: Life): { clock: Clock; stop: () => void } {
  const cancels = new Set<() => void>();
  const schedule: Clock['schedule'] = (ms, callback) => {
    if (life.isOver) return () => {};
    const cancel = machine.schedule(ms, callback);
    cancels.add(cancel);
    return cancel;
  };
  const stop = (): void => {
    for (const cancel of cancels) cancel();
  };
  return { clock: { ...machine, schedule }, stop };
}

/** A node answers well while it runs, is not sick and was not sent SIGTERM. */
function fakeChecker(
  config: Config,
  nodes: ReadonlyMap<string, FakeNode>,
  sick: ReadonlySet<string>,
): HealthChecker {
  return {
    async check(address): Promise<CheckResult> {
      const name = config.nodes.find((node) => node.address === address)?.name ?? '';
      const node = nodes.get(name);
      const passed = node?.running() !== undefined && !node.isLeaving() && !sick.has(name);
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

/** Opens rigs for the tests of one file, each closed after its test; `rigs` are those of the test that runs. */
export function useRigs(): {
  readonly rigs: Rig[];
  readonly openRig: (options?: RigOptions) => Promise<Rig>;
} {
  const rigs: Rig[] = [];
  afterEach(async () => {
    for (const rig of rigs.splice(0)) await rig.controller.close(AbortSignal.abort());
  });
  async function openRig(options?: RigOptions): Promise<Rig> {
    const rig = makeRig(options);
    rigs.push(rig);
    await rig.controller.open(never);
    return rig;
  }
  return { rigs, openRig };
}

export async function nodeStatus(rig: Rig, name: string): Promise<NodeStatus> {
  const node = (await rig.controller.status()).nodes.find((candidate) => candidate.name === name);
  assert.ok(node);
  return node;
}
