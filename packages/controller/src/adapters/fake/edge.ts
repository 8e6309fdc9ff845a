import {
  type Address,
  addTraffic,
  formatAddress,
  LameduckError,
  type NodeTraffic,
  noTraffic,
} from '@lameduck/core';
import type {
  ChangeLimits,
  Edge,
  EdgeMode,
  EdgeNode,
  EdgePause,
  EdgeProgress,
  EdgeState,
  EdgeStatus,
  EdgeTraffic,
  Proof,
} from '../../ports/edge.ts';

/** The calls of an edge that a test can make fail or wait. */
export type EdgeCall =
  | 'open'
  | 'prepare'
  | 'remove'
  | 'restore'
  | 'pause'
  | 'resume'
  | 'weigh'
  | 'inFlight'
  | 'status'
  | 'close';

export interface FakeEdgeOptions {
  readonly name: string;
  readonly nodes: readonly EdgeNode[];
  readonly mode?: EdgeMode;
  readonly listen?: Address;
  readonly changeLimits?: ChangeLimits;
}

/** An edge in memory, for tests of what is above the port: it keeps the contract and fails on demand. */
export interface FakeEdge extends Edge {
  /** `CALL NODE` of each call that began, in order. */
  readonly calls: readonly string[];
  /** The next call of this kind rejects; nothing changes. */
  failNext(call: EdgeCall, problem: LameduckError): void;
  /** The next call of this kind waits for the promise first. Calls that wait for their turn wait with it. */
  holdNext(call: EdgeCall, until: Promise<unknown>): void;
  /** What `inFlight` gives from now on. */
  setInFlight(node: string, count: number): void;
  /** The node gave clients this many more errors, each to a request of its own. */
  addErrors(node: string, count: number): void;
  /** The node was sent this much more. */
  addTraffic(node: string, more: Partial<NodeTraffic>): void;
  /** What the proxy would do with the next request; `undefined` where no node is in rotation or it does not run. */
  pick(): string | undefined;
  /** It can never pick this node: it is out, or the proxy does not run. */
  isOut(node: string): boolean;
  /** It does not pick this node, or would not if it ran. */
  leavesOut(node: string): boolean;
  /** The proxy dies. `open` starts it again. */
  crash(): void;
  /** Somebody else starts a proxy that has died: it has out what its files say. */
  restart(): void;
  /** It does not run. */
  isDown(): boolean;
  /** Whether something else has its address: then `open` is `addressInUse` where it does not run. */
  occupy(isTaken: boolean): void;
}

type FakeProblem = 'addressInUse' | 'edgeUnproven' | 'edgeRejected' | 'notRunning' | 'noSuchNode';

/** An edge that is a list in memory. */
export function createFakeEdge(options: FakeEdgeOptions): FakeEdge {
  return new MemoryEdge(options);
}

class MemoryEdge implements FakeEdge {
  readonly name: string;
  readonly mode: EdgeMode;
  readonly url: string | undefined;
  readonly calls: string[] = [];
  readonly #nodes: readonly EdgeNode[];
  readonly #failures = new Map<EdgeCall, LameduckError>();
  readonly #holds = new Map<EdgeCall, Promise<unknown>>();
  readonly #inFlight = new Map<string, number>();
  readonly #traffic = new Map<string, NodeTraffic>();
  readonly #out = new Set<string>();
  #pause: EdgePause | undefined;
  readonly changeLimits: ChangeLimits;
  #weights: Readonly<Record<string, number>> = {};
  #state: EdgeState = 'starting';
  #isTaken = false;
  #generation = 0;
  #turn = 0;
  #tail: Promise<unknown> = Promise.resolve();

  constructor({ name, nodes, mode = 'gate', listen, changeLimits }: FakeEdgeOptions) {
    this.changeLimits = changeLimits ?? { removeMs: 10_000, restoreMs: 10_000 };
    this.name = name;
    this.mode = mode;
    this.url = listen === undefined ? undefined : `http://${formatAddress(listen)}`;
    this.#nodes = nodes;
  }

  failNext(call: EdgeCall, problem: LameduckError): void {
    this.#failures.set(call, problem);
  }

  holdNext(call: EdgeCall, until: Promise<unknown>): void {
    this.#holds.set(call, until);
  }

  setInFlight(node: string, count: number): void {
    this.#inFlight.set(node, count);
  }

  addErrors(node: string, count: number): void {
    this.addTraffic(node, { requests: count, errors: count });
  }

  addTraffic(node: string, more: Partial<NodeTraffic>): void {
    this.#traffic.set(node, addTraffic(this.#traffic.get(node) ?? noTraffic, { ...noTraffic, ...more }));
  }

  pick(): string | undefined {
    if (this.#state !== 'ready' || this.#pause !== undefined) return undefined;
    const inRotation = this.#nodes.filter(({ name }) => !this.#out.has(name));
    this.#turn += 1;
    return inRotation[this.#turn % Math.max(1, inRotation.length)]?.name;
  }

  isOut(node: string): boolean {
    return this.#state !== 'ready' || this.#out.has(node);
  }

  leavesOut(node: string): boolean {
    return this.#out.has(node);
  }

  crash(): void {
    this.#state = 'stopped';
  }

  restart(): void {
    this.#state = 'ready';
  }

  isDown(): boolean {
    return this.#state !== 'ready';
  }

  occupy(isTaken: boolean): void {
    this.#isTaken = isTaken;
  }

  async open(out: readonly string[], signal: AbortSignal): Promise<void> {
    await this.#run('open', out.join(' '), signal, async () => {
      for (const node of out) this.#requireNode(node);
      this.#out.clear();
      for (const node of out) this.#out.add(node);
      if (this.#isTaken && this.#state !== 'ready') {
        this.#state = 'stopped';
        throw this.#problem('addressInUse', 'its address must be free', 'held by another process');
      }
      this.#generation += 1;
      this.#state = 'ready';
    });
  }

  async remove(
    node: string,
    onProgress: (progress: EdgeProgress) => void,
    signal: AbortSignal,
  ): Promise<Proof> {
    return await this.#change('remove', node, signal, () => {
      this.#out.add(node);
      onProgress({ state: 'applied' });
      onProgress({ state: 'quiesced' });
    });
  }

  async restore(
    node: string,
    onProgress: (progress: EdgeProgress) => void,
    signal: AbortSignal,
  ): Promise<Proof> {
    return await this.#change('restore', node, signal, () => {
      this.#out.delete(node);
      onProgress({ state: 'applied' });
    });
  }

  async pause(signal: AbortSignal, holdMs = 30_000): Promise<void> {
    await this.#run('pause', '', signal, async () => {
      if (this.#state !== 'ready') throw this.#problem('notRunning', 'it must run', this.#state);
      if (this.mode === 'reload') throw this.#problem('edgeRejected', 'it must have the gate', 'mode reload');
      this.#pause = { sinceMs: this.#pause?.sinceMs ?? Date.now(), holdMs };
    });
  }

  async resume(signal: AbortSignal): Promise<void> {
    await this.#run('resume', '', signal, async () => {
      if (this.#state !== 'ready') throw this.#problem('notRunning', 'it must run', this.#state);
      this.#pause = undefined;
    });
  }

  async weigh(weights: ReadonlyMap<string, number>, signal: AbortSignal): Promise<void> {
    const detail = [...weights].map(([node, weight]) => `${node}=${weight}`).join(' ');
    await this.#run('weigh', detail, signal, async () => {
      for (const node of weights.keys()) this.#requireNode(node);
      if (this.#state !== 'ready') throw this.#problem('notRunning', 'it must run', this.#state);
      this.#weights = Object.fromEntries(weights);
    });
  }

  async prepare(out: () => readonly string[], signal: AbortSignal): Promise<boolean> {
    let isStopped = false;
    await this.#run('prepare', '', signal, async () => {
      isStopped = this.#state === 'stopped';
      if (!isStopped) return;
      this.#out.clear();
      for (const node of out()) this.#out.add(node);
    });
    return isStopped;
  }

  async inFlight(node: string, signal: AbortSignal): Promise<number> {
    this.#requireNode(node);
    await this.#enter('inFlight', node, signal);
    return this.#inFlight.get(node) ?? 0;
  }

  async traffic(): Promise<ReadonlyMap<string, EdgeTraffic> | undefined> {
    if (this.mode === 'reload') return undefined;
    const of = (name: string): EdgeTraffic => ({
      ...(this.#traffic.get(name) ?? noTraffic),
      inFlight: this.#inFlight.get(name) ?? 0,
    });
    return new Map(this.#nodes.map(({ name }) => [name, of(name)]));
  }

  async status(signal: AbortSignal): Promise<EdgeStatus> {
    await this.#enter('status', '', signal);
    const base = { name: this.name, mode: this.mode, state: this.#state, server: 'fake/1.0.0' };
    const reason = this.#state === 'stopped' ? { reason: 'the fake does not run' } : {};
    const generation = { generation: this.#generation };
    const pause = this.#pause === undefined ? {} : { paused: this.#pause, held: 0 };
    const weights = Object.keys(this.#weights).length === 0 ? {} : { weights: this.#weights };
    return { ...base, ...generation, out: [...this.#out].sort(), ...pause, ...weights, ...reason };
  }

  async release(): Promise<void> {
    this.calls.push('release ');
  }

  async close(signal: AbortSignal): Promise<void> {
    await this.#run('close', '', signal, async () => {
      this.#state = 'stopped';
    });
  }

  async #change(
    call: 'remove' | 'restore',
    node: string,
    signal: AbortSignal,
    apply: () => void,
  ): Promise<Proof> {
    this.#requireNode(node);
    const askedAt = performance.now();
    await this.#run(call, node, signal, async () => {
      if (this.#state !== 'ready') throw this.#problem('notRunning', 'it must run', this.#state);
      this.#generation += 1;
      apply();
    });
    const ms = performance.now() - askedAt;
    return { edge: this.name, mode: this.mode, ms, generation: this.#generation };
  }

  async #run(
    call: EdgeCall,
    detail: string,
    signal: AbortSignal,
    action: () => Promise<void>,
  ): Promise<void> {
    const done = this.#tail.then(async () => {
      await this.#enter(call, detail, signal);
      await action();
    });
    this.#tail = done.catch(() => undefined);
    await done;
  }

  async #enter(call: EdgeCall, detail: string, signal: AbortSignal): Promise<void> {
    this.calls.push(`${call} ${detail}`.trim());
    const hold = this.#holds.get(call);
    this.#holds.delete(call);
    if (hold !== undefined) await hold;
    const failure = this.#failures.get(call);
    this.#failures.delete(call);
    if (failure !== undefined) throw failure;
    if (signal.aborted)
      throw this.#problem('edgeUnproven', 'it must be done before the deadline', 'too late');
  }

  #requireNode(node: string): void {
    if (this.#nodes.some(({ name }) => name === node)) return;
    throw this.#problem('noSuchNode', `it must have node ${node}`, 'no such node');
  }

  #problem(code: FakeProblem, wanted: string, got: string): LameduckError {
    const message = `Cannot use edge "${this.name}": ${wanted}: current value is ${got}`;
    return new LameduckError(code, message, { edge: this.name });
  }
}
