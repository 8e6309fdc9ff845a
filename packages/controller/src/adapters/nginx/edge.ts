import { rmSync } from 'node:fs';
import { formatAddress, LameduckError } from '@lameduck/core';
import type {
  ChangeLimits,
  Edge,
  EdgeMode,
  EdgeProgress,
  EdgeStatus,
  EdgeTraffic,
  FilePreview,
  Proof,
} from '../../ports/edge.ts';
import { outAfter, type Removals, reportTo, settleRemovals } from './change-batch.ts';
import { type Change, type ChangeQueue, createChangeQueue } from './change-queue.ts';
import { changeGate, gateTimeoutMs, ungatedEnded } from './gate-change.ts';
import { countsTraffic } from './gate-config.ts';
import { withOut } from './gate-state.ts';
import { pauseEdge, resumeEdge } from './hold.ts';
import { countSessions, inFlight, shownInFlight } from './in-flight.ts';
import { stopManaged } from './managed.ts';
import { defaultApplyTimeoutMs, openEdge } from './open-edge.ts';
import { lookAtMaster, type Opened, requireMaster } from './opened.ts';
import type { NginxEdgeOptions } from './options.ts';
import { defaultHoldMs } from './plan.ts';
import { prepareStopped } from './prepare-stopped.ts';
import { previewFiles } from './preview.ts';
import { rehearse } from './rehearse.ts';
import { loadState, quiesced, type Reload, refuseUpgrade } from './reload-change.ts';
import { afterRamps, beginRamps } from './slow-start.ts';
import { placeControlApi, placeSocket, type SocketPlace } from './socket-path.ts';
import { watchStaleSocket } from './stale-socket.ts';
import { nginxStatus } from './status.ts';
import { drainSessions } from './sticky-drain.ts';
import { readTraffic } from './traffic.ts';
import { weighEdge } from './weigh.ts';

/** An edge that is nginx: ours or the user's, with the Lua gate or by reload. Does nothing before `open`. */
export function createNginxEdge(options: NginxEdgeOptions): Edge {
  return new NginxEdge(options);
}

class NginxEdge implements Edge {
  readonly #options: NginxEdgeOptions;
  readonly #queue: ChangeQueue;
  #opened: Opened | undefined;
  #socket: SocketPlace | undefined;
  #stopWatching: () => void = () => undefined;
  #forgetRamps: () => void = () => undefined;
  #isChanging = false;

  constructor(options: NginxEdgeOptions) {
    this.#options = options;
    this.#queue = createChangeQueue(options.name, async (batch) => await this.#apply(batch));
  }

  get name(): string {
    return this.#options.name;
  }

  get mode(): EdgeMode {
    return this.#opened?.plan.mode ?? (this.#options.mode === 'reload' ? 'reload' : 'gate');
  }

  get url(): string | undefined {
    if (this.#options.kind === 'attached' || this.#options.listen.kind === 'unix') return undefined;
    const { listen } = this.#options;
    const anyHost: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' };
    return `http://${formatAddress({ ...listen, host: anyHost[listen.host] ?? listen.host })}`;
  }

  async rehearse(): Promise<void> {
    await this.#queue.exclusive(async () => void (await rehearse(this.#options)));
  }

  // a gate waits only for workers that do not know it: those of before its first reload, or of a start by hand
  get changeLimits(): ChangeLimits {
    const { quiesceTimeoutMs, applyTimeoutMs = defaultApplyTimeoutMs } = this.#options;
    const isReload = this.mode === 'reload';
    const restoreMs = isReload ? applyTimeoutMs : gateTimeoutMs;
    const isProving = isReload || (this.#opened?.ungated.length ?? 0) > 0;
    return { restoreMs, removeMs: restoreMs + (isProving ? quiesceTimeoutMs : 0) };
  }

  async open(out: readonly string[], signal: AbortSignal): Promise<void> {
    await this.#queue.exclusive(async () => {
      for (const node of out) this.#requireNode(node);
      this.#socket ??= placeSocket(this.#options.directory, this.#options.kind === 'attached');
      this.#opened = await openEdge(this.#options, out, this.#socket.path, signal, (down) => {
        this.#opened = down;
      });
      this.#stopWatching();
      this.#stopWatching = watchStaleSocket(this.#socket.path, this.#opened.pidFile);
      this.#warnOfNoRamps(this.#opened);
      this.#awaitRamps(this.#opened);
    });
  }

  async drain(
    node: string,
    onProgress: (progress: EdgeProgress) => void,
    signal: AbortSignal,
  ): Promise<void> {
    this.#requireNode(node);
    const opened = this.#requireOpened();
    const drainMs = this.#options.sticky?.drainMs ?? 0;
    if (drainMs === 0 || opened.spec.state.out.has(node)) return;
    const load = (draining: (former: readonly string[]) => readonly string[]): Promise<void> =>
      this.#queue.exclusive(async () => {
        // opened anew it has nobody draining
        if (this.#opened !== opened) return;
        const out = [...opened.spec.state.out.keys()];
        await this.#changing(opened, () =>
          this.#load(opened, out, () => undefined, draining(opened.spec.draining ?? [])),
        );
      });
    await drainSessions({ node, drainMs, load, onProgress }, signal);
  }

  async remove(
    node: string,
    onProgress: (progress: EdgeProgress) => void,
    signal: AbortSignal,
  ): Promise<Proof> {
    this.#requireNode(node);
    return await this.#queue.change({ node, isOut: true, onProgress, signal });
  }

  async restore(
    node: string,
    onProgress: (progress: EdgeProgress) => void,
    signal: AbortSignal,
  ): Promise<Proof> {
    this.#requireNode(node);
    return await this.#queue.change({ node, isOut: false, onProgress, signal });
  }

  async prepare(out: () => readonly string[], _signal: AbortSignal): Promise<boolean> {
    return await this.#queue.exclusive(async () => await prepareStopped(this.#requireOpened(), out()));
  }

  async pause(signal: AbortSignal, holdMs?: number): Promise<void> {
    const wanted = holdMs ?? this.#options.holdMs ?? defaultHoldMs;
    await this.#queue.exclusive(() => pauseEdge(this.#requireOpened(), wanted, signal));
  }

  async resume(signal: AbortSignal): Promise<void> {
    await this.#queue.exclusive(() => resumeEdge(this.#requireOpened(), signal));
  }

  async weigh(weights: ReadonlyMap<string, number>): Promise<void> {
    for (const node of weights.keys()) this.#requireNode(node);
    const applyTimeoutMs = this.#options.applyTimeoutMs ?? defaultApplyTimeoutMs;
    await this.#queue.exclusive(async () => {
      const opened = this.#requireOpened();
      await this.#changing(opened, () => weighEdge(opened, weights, applyTimeoutMs));
    });
  }

  async inFlight(node: string, _signal: AbortSignal): Promise<number> {
    this.#requireNode(node);
    return await inFlight(this.#requireOpened(), node);
  }

  async shownInFlight(node: string, signal: AbortSignal): Promise<number> {
    this.#requireNode(node);
    return await shownInFlight(this.#requireOpened(), node, signal);
  }

  async sessions(node: string, signal: AbortSignal): Promise<number> {
    this.#requireNode(node);
    return await countSessions(this.#requireOpened(), node, signal);
  }

  async traffic(signal: AbortSignal): Promise<ReadonlyMap<string, EdgeTraffic> | undefined> {
    const opened = this.#requireOpened();
    return countsTraffic(opened.spec) ? await readTraffic(opened, signal) : undefined;
  }

  async preview(nodes: readonly string[], isOut: boolean): Promise<readonly FilePreview[]> {
    return previewFiles(this.#requireOpened(), nodes, isOut);
  }

  status(signal: AbortSignal): Promise<EdgeStatus> {
    const seen = { mode: this.mode, opened: this.#opened, isChanging: this.#isChanging };
    return nginxStatus(this.#options, seen, signal);
  }

  async release(): Promise<void> {
    await this.#queue.exclusive(async () => void this.#letGo());
  }

  async close(signal: AbortSignal): Promise<void> {
    await this.#queue.exclusive(async () => {
      const opened = this.#letGo();
      if (this.#options.kind === 'attached' || opened === undefined) return;
      const master = lookAtMaster(opened);
      if (master !== undefined) await stopManaged(master, signal);
      if (this.#socket === undefined) return;
      for (const path of [this.#socket.path, placeControlApi(this.#socket.path)])
        rmSync(path, { force: true });
      if (this.#socket.folder !== undefined) rmSync(this.#socket.folder, { recursive: true, force: true });
      this.#socket = undefined;
    });
  }

  #letGo(): Opened | undefined {
    this.#stopWatching();
    this.#forgetRamps();
    const opened = this.#opened;
    this.#opened = undefined;
    return opened;
  }

  async #apply(batch: readonly Change[]): Promise<void> {
    const opened = this.#requireOpened();
    const isGate = opened.plan.mode === 'gate';
    await this.#changing(opened, () =>
      isGate ? this.#applyGate(opened, batch) : this.#applyReload(opened, batch),
    );
  }

  async #changing(opened: Opened, run: () => Promise<unknown>): Promise<void> {
    this.#isChanging = true;
    try {
      requireMaster(opened);
      refuseUpgrade(opened);
      await run();
    } finally {
      this.#isChanging = false;
    }
  }

  async #applyGate(opened: Opened, batch: readonly Change[]): Promise<void> {
    const former = [...opened.spec.state.out.keys()];
    const ramps = beginRamps(this.#options.nodes, former, batch);
    const set = (out: readonly string[], begin = {}): Promise<number> =>
      changeGate(opened, out, AbortSignal.timeout(gateTimeoutMs), begin);
    const generation = await set(outAfter(former, batch), { ramps });
    this.#awaitRamps(opened);
    reportTo(batch)({ state: 'applied' });
    const prove = async (removals: readonly Change[], signal: AbortSignal): Promise<void> => {
      await ungatedEnded(opened, reportTo(removals), signal);
      reportTo(removals)({ state: 'quiesced' });
    };
    await this.#settle(opened, batch, { former, generation, prove, load: set });
  }

  /** Workers end a ramp by themselves; the state only has to be told of it to be tidy. */
  #awaitRamps(opened: Opened): void {
    this.#forgetRamps();
    this.#forgetRamps = afterRamps(opened.spec.state, () => {
      const tidy = async (): Promise<void> => {
        if (this.#opened !== opened) return;
        await changeGate(opened, opened.spec.state.out.keys(), AbortSignal.timeout(gateTimeoutMs));
      };
      this.#queue.exclusive(tidy).catch(() => undefined);
    });
  }

  #warnOfNoRamps(opened: Opened): void {
    if (opened.plan.mode === 'gate' || !this.#options.nodes.some(({ slowStartMs = 0 }) => slowStartMs > 0))
      return;
    this.#options.logger.warn(
      { edge: this.name },
      'health.slowStart has no effect at this edge: it needs the gate, and nodes come back with their full weight',
    );
  }

  async #applyReload(opened: Opened, batch: readonly Change[]): Promise<void> {
    const former = [...opened.spec.state.out.keys()];
    const { draining = [] } = opened.spec;
    const left = draining.filter((node) => !batch.some((change) => change.node === node));
    const applied = await this.#load(opened, outAfter(former, batch), reportTo(batch), left);
    const { generation } = opened.spec;
    // a reload that puts one back leaves the others out: the workers to wait for are those of before
    const prove = (removals: readonly Change[], signal: AbortSignal): Promise<void> =>
      quiesced(opened, applied, names(removals), reportTo(removals), signal);
    const load = (out: readonly string[]): Promise<unknown> => this.#load(opened, out, () => undefined);
    await this.#settle(opened, batch, { former, generation, prove, load });
  }

  async #load(
    opened: Opened,
    out: readonly string[],
    report: (progress: EdgeProgress) => void,
    draining: readonly string[] = opened.spec.draining ?? [],
  ): Promise<Reload> {
    const wanted = { state: withOut(opened.spec.state, out), draining };
    return await loadState(opened, wanted, this.#options.applyTimeoutMs ?? defaultApplyTimeoutMs, report);
  }

  /** Of a batch that nginx has applied: restores are done with that. */
  async #settle(
    opened: Opened,
    batch: readonly Change[],
    { former, generation, prove, load }: AppliedBatch,
  ): Promise<void> {
    const proofOf = ({ askedAt }: Change): Proof => {
      return { edge: this.name, mode: this.mode, ms: performance.now() - askedAt, generation };
    };
    for (const change of batch) if (!change.isOut) change.resolve(proofOf(change));
    const putBack = (nodes: readonly string[]): Promise<unknown> =>
      load([...opened.spec.state.out.keys()].filter((node) => !nodes.includes(node)));
    const deadline = AbortSignal.timeout(this.#options.quiesceTimeoutMs);
    await settleRemovals(batch, { former, prove, putBack, proofOf, deadline });
  }

  #requireOpened(): Opened {
    if (this.#opened !== undefined) return this.#opened;
    const message = `Cannot use edge "${this.name}": it must be open: current value is not opened`;
    throw new LameduckError('notRunning', message, { edge: this.name });
  }

  #requireNode(node: string): void {
    if (this.#options.nodes.some(({ name }) => name === node)) return;
    const names = this.#options.nodes.map(({ name }) => name).join(' ');
    const message = `Cannot use node "${node}": edge "${this.name}" must have it: current value is ${names}`;
    throw new LameduckError('noSuchNode', message, { node, edge: this.name });
  }
}

/** What nginx has been told, and how to go on from there. */
interface AppliedBatch extends Pick<Removals, 'former' | 'prove'> {
  readonly generation: number;
  /** Makes exactly these nodes out. */
  readonly load: (out: readonly string[]) => Promise<unknown>;
}

function names(batch: readonly Change[]): readonly string[] {
  return batch.map(({ node }) => node);
}
