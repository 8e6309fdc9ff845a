import type { LameduckError } from '@lameduck/core';
import type { NodeRunner, ProcessIdentity, RunningWorker } from '../../ports/node-runner.ts';

/** A node without processes, for tests of what uses the port: the runner and the hand that moves the node. */
export interface FakeNode {
  readonly runner: NodeRunner;
  /** Another runner of the same node, as a restarted controller makes one. */
  reopen(): NodeRunner;
  /** The main process that lives now. */
  running(): ProcessIdentity | undefined;
  /** The main process that lives now was sent SIGTERM: its readiness fails. */
  isLeaving(): boolean;
  /** Pids that live now: the main process and its workers. */
  livingPids(): readonly number[];
  /** Every signal sent so far, in order. */
  signals(): readonly { readonly name: 'SIGTERM' | 'SIGKILL'; readonly pid: number }[];
  /** SIGTERM from somebody else: it serves on until its controller signals it, or until `finish`. */
  signalFromElsewhere(): void;
  /** The main process ends by itself; its workers stay, as Gunicorn's do. */
  crash(log?: string): void;
  /** The main process hands over to a new one and ends, as after USR2. */
  upgrade(): void;
  /** From now on SIGTERM is ignored, until `finish`. */
  hang(): void;
  /** A node that hangs after SIGTERM ends now. */
  finish(): void;
  /** SIGTERM is obeyed again; what hangs already stays. */
  obey(): void;
  /** The next starts reject with this error, until called without one. */
  failStarts(error?: LameduckError): void;
  /** Starts wait from now on, until called with false. */
  holdStarts(isHeld: boolean): void;
}

interface World {
  main: ProcessIdentity | undefined;
  workers: RunningWorker[];
  nextPid: number;
  lastLog: string;
  /** Main processes that were sent SIGTERM, by whomever. */
  readonly leaving: Set<number>;
  hangs: boolean;
  isHeld: boolean;
  startError: LameduckError | undefined;
  readonly signals: { name: 'SIGTERM' | 'SIGKILL'; pid: number }[];
  readonly watchers: Set<() => void>;
}

// Above every pid of a real machine (pid_max is at most 2^22): a fake pid that leaks to a real signal hits nobody.
const firstPid = 5_000_000;

/** Makes a node that does not run. */
export function createFakeNode(options: { readonly workers?: number } = {}): FakeNode {
  const world: World = {
    main: undefined,
    workers: [],
    nextPid: firstPid,
    lastLog: '',
    leaving: new Set(),
    hangs: false,
    isHeld: false,
    startError: undefined,
    signals: [],
    watchers: new Set(),
  };
  const reopen = (): NodeRunner => createFakeRunner(world, options.workers ?? 2);
  return { runner: reopen(), reopen, ...createHand(world) };
}

function createHand(world: World): Omit<FakeNode, 'runner' | 'reopen'> {
  return {
    running: () => world.main,
    isLeaving: () => world.main !== undefined && world.leaving.has(world.main.pid),
    livingPids: () => living(world),
    signals: () => world.signals,
    signalFromElsewhere() {
      if (world.main !== undefined) world.leaving.add(world.main.pid);
    },
    crash(log = 'crashed') {
      change(world, { main: undefined, lastLog: log });
    },
    upgrade() {
      const heir = world.main && { ...world.main, pid: world.nextPid++ };
      change(world, { main: heir });
    },
    hang() {
      world.hangs = true;
    },
    obey() {
      world.hangs = false;
    },
    finish() {
      change(world, { hangs: false, main: undefined, workers: [] });
    },
    failStarts(error) {
      world.startError = error;
    },
    holdStarts(isHeld) {
      change(world, { isHeld });
    },
  };
}

function createFakeRunner(world: World, workers: number): NodeRunner {
  // what this runner has asked to end has not died; what another one has asked is not known, as in the real one
  const asked = new Set<number>();
  const isMain = (node: ProcessIdentity): boolean =>
    world.main?.pid === node.pid && world.main.startTime === node.startTime;
  return {
    find: async () => world.main,
    async check() {
      if (world.startError !== undefined) throw world.startError;
      return ['fake'];
    },
    async start(signal) {
      await until(world, () => !world.isHeld, signal);
      if (world.main !== undefined) return world.main;
      if (world.startError !== undefined) throw world.startError;
      return boot(world, workers);
    },
    async died(node, signal) {
      await until(world, () => !isMain(node) && !asked.has(node.pid), signal);
      return world.lastLog;
    },
    async terminate(node) {
      if (!isTree(world, node)) return;
      world.signals.push({ name: 'SIGTERM', pid: node.pid });
      world.leaving.add(node.pid);
      asked.add(node.pid);
      const draining = world.workers.map(({ pid }) => ({ pid, state: 'draining' }));
      change(world, world.hangs ? { workers: draining } : { main: undefined, workers: [] });
    },
    exited: (node, signal) => until(world, () => !isTree(world, node) || living(world).length === 0, signal),
    async kill(node) {
      if (!isTree(world, node)) return [];
      const killed = living(world);
      for (const pid of killed) world.signals.push({ name: 'SIGKILL', pid });
      asked.add(node.pid);
      change(world, { main: undefined, workers: [] });
      return killed;
    },
    workers: async (node) => (isMain(node) ? world.workers : []),
  };
}

// Orphans of a dead main process belong to it as long as no other one has been started.
function isTree(world: World, node: ProcessIdentity): boolean {
  if (world.main !== undefined) return world.main.pid === node.pid && world.main.startTime === node.startTime;
  return world.workers.some(({ pid }) => pid > node.pid);
}

function living({ main, workers }: World): number[] {
  return [...(main === undefined ? [] : [main.pid]), ...workers.map(({ pid }) => pid)];
}

function boot(world: World, workers: number): ProcessIdentity {
  const pid = world.nextPid;
  const main = { pid, startTime: pid * 10 };
  world.nextPid += workers + 1;
  const booted = Array.from({ length: workers }, (_, index) => ({ pid: pid + 1 + index, state: 'ready' }));
  change(world, { main, workers: booted });
  return main;
}

function change(world: World, changes: Partial<World>): void {
  Object.assign(world, changes);
  for (const watcher of world.watchers) watcher();
}

async function until(world: World, isTrue: () => boolean, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const end = (): void => {
      world.watchers.delete(look);
      signal.removeEventListener('abort', look);
    };
    const look = (): void => {
      if (!signal.aborted && !isTrue()) return;
      end();
      if (signal.aborted) reject(signal.reason);
      else resolve();
    };
    world.watchers.add(look);
    signal.addEventListener('abort', look, { once: true });
    look();
  });
}
