import {
  type Config,
  type EdgeView,
  type ErrorCode,
  judgeRemoval,
  judgeReturn,
  judgeRevert,
  LameduckError,
  type Require,
  type RotationOrder,
} from '@lameduck/core';
import type { Logger } from 'pino';
import { Acknowledgements } from './edges/acknowledgements.ts';
import { DesiredRotation } from './edges/desired-rotation.ts';
import { EdgeOwner } from './edges/edge-owner.ts';
import { type Judge, type OnEdgeProgress, type Rotation, RotationAnswers } from './edges/rotation-answers.ts';
import type { Clock } from './ports/clock.ts';
import type { Edge, EdgeProgress, EdgeStatus } from './ports/edge.ts';
import type { Store } from './ports/store.ts';
import { edgeStatus } from './views.ts';

/** What an edge may need beyond its own deadline: to write files, to test and to take back. */
const slackMs = 15_000;

/** What may be wrong with an edge that is well configured. */
const passing: readonly ErrorCode[] = ['notRunning', 'addressInUse', 'edgeUnproven'];

export interface RemoveOptions {
  /** The policy of the configuration where none is given. */
  readonly require?: Require;
  /** The node is out for another reason, too: where this fails it stays out. */
  readonly wasOut?: boolean;
  /** Sticky sessions get their time to end on the node first. */
  readonly hasTime?: boolean;
}

/** All edges of the service as one: a node is out only when every edge has proved it, as far as the policy asks for. */
export interface EdgeSet {
  readonly edges: readonly Edge[];
  /** Rejects where an edge would refuse to be opened, however often it is tried, or none could be now; changes nothing. */
  rehearse(): Promise<void>;
  /**
   * Opens every edge with these nodes left out. Gives what is wrong with those that are down or do not answer; it is tried
   * again until they do. Rejects where one asks for another configuration.
   */
  open(out: readonly string[], signal: AbortSignal): Promise<readonly LameduckError[]>;
  /** Where one edge fails, the others are put back before this rejects: nothing has changed then, or `isPartlyOut`. */
  remove(
    node: string,
    onProgress: OnEdgeProgress,
    signal: AbortSignal,
    options?: RemoveOptions,
  ): Promise<Rotation>;
  restore(node: string, onProgress: OnEdgeProgress, signal: AbortSignal): Promise<Rotation>;
  inFlight(node: string, signal: AbortSignal): Promise<number>;
  /** As of a moment ago, for what is shown. */
  shownInFlight(node: string, signal: AbortSignal): Promise<number>;
  /** WebSockets and event streams that the node itself is to close. */
  sessions(node: string, signal: AbortSignal): Promise<number>;
  /** As the edges say, or have said at most so long ago where nothing was changed since. */
  views(signal: AbortSignal, maxAgeMs?: number): Promise<readonly EdgeView[]>;
  /** Nobody here changes the edges any more; they go on as they are. */
  release(): Promise<void>;
  /** Nobody changes the edges any more; those that are ours stop. */
  close(signal: AbortSignal): Promise<void>;
}

/** A place in the way of an order: written for the edges, or answered by one of them. */
export type RotationPoint = 'desire' | 'acknowledge';

export interface EdgeSetParts {
  readonly edges: readonly Edge[];
  readonly config: Config;
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onPoint: (point: RotationPoint, node: string, when: 'before' | 'after') => void;
  /** Told now and then of each edge while it runs and is ours. */
  readonly onSeen: (edge: Edge, status: EdgeStatus) => void;
}

/** Nobody here calls an edge to change it: what is wanted is written, the edges' owners apply it, and answer. */
export function createEdgeSet(parts: EdgeSetParts): EdgeSet {
  return new OwnedEdges(parts);
}

class OwnedEdges implements EdgeSet {
  readonly #parts: EdgeSetParts;
  readonly #desired: DesiredRotation;
  readonly #acks: Acknowledgements;
  readonly #owners: ReadonlyMap<Edge, EdgeOwner>;
  readonly #answers: RotationAnswers;
  readonly #released = new AbortController();

  constructor(parts: EdgeSetParts) {
    const { edges, config, store, clock, logger, onSeen } = parts;
    const signal = this.#released.signal;
    const kept = { store, clock, logger, signal };
    this.#parts = parts;
    this.#desired = new DesiredRotation(
      config.nodes.map(({ name }) => name),
      kept,
    );
    this.#acks = new Acknowledgements(kept);
    const shared = { desired: this.#desired, acks: this.#acks, clock, logger, signal, onSeen };
    const limitMs = Math.max(...config.edges.map(({ quiesceTimeoutMs }) => quiesceTimeoutMs)) + slackMs;
    this.#answers = new RotationAnswers({ edges, desired: this.#desired, acks: this.#acks, clock, limitMs });
    const onProgress = this.#answers.tell;
    const onAnswer = (node: string, when: 'before' | 'after'): void =>
      parts.onPoint('acknowledge', node, when);
    this.#owners = new Map(
      edges.map((edge) => [edge, new EdgeOwner({ ...shared, edge, onProgress, onAnswer })]),
    );
  }

  get edges(): readonly Edge[] {
    return this.#parts.edges;
  }

  async rehearse(): Promise<void> {
    const outcomes = await Promise.allSettled(this.edges.map((edge) => edge.rehearse?.()));
    const problems = problemsOf(outcomes);
    refuseLasting(problems);
    if (problems.length === this.edges.length) throw problems[0];
  }

  async open(out: readonly string[], signal: AbortSignal): Promise<readonly LameduckError[]> {
    await this.#acks.open();
    await this.#desired.adopt(out);
    const owners = [...this.#owners.values()];
    const outcomes = await Promise.allSettled(owners.map((owner) => owner.open(signal)));
    const problems = problemsOf(outcomes);
    signal.throwIfAborted();
    refuseLasting(problems);
    return problems;
  }

  async remove(
    node: string,
    onProgress: OnEdgeProgress,
    signal: AbortSignal,
    {
      require = this.#parts.config.availability.require,
      wasOut = false,
      hasTime = false,
    }: RemoveOptions = {},
  ): Promise<Rotation> {
    const judge: Judge = (answers) => judgeRemoval(answers, require);
    if (hasTime && !wasOut) await this.#drain(node, onProgress, signal);
    const beganAt = this.#parts.clock.now();
    const order = await this.#order(node, true);
    try {
      return await this.#answers.judged({ node, order, beganAt }, judge, onProgress, signal);
    } catch (thrown) {
      const error = LameduckError.from(thrown);
      if (wasOut || this.#answers.isSuperseded(node, order)) throw error;
      throw (await this.#revert(node, error, signal)) ? error : partlyOut(error);
    }
  }

  async restore(node: string, onProgress: OnEdgeProgress, signal: AbortSignal): Promise<Rotation> {
    const beganAt = this.#parts.clock.now();
    const order = await this.#order(node, false);
    return this.#answers.judged({ node, order, beganAt }, judgeReturn, onProgress, signal);
  }

  async inFlight(node: string, signal: AbortSignal): Promise<number> {
    const counts = await Promise.all(this.edges.map((edge) => edge.inFlight(node, signal)));
    return counts.reduce((sum, count) => sum + count, 0);
  }

  async shownInFlight(node: string, signal: AbortSignal): Promise<number> {
    const ask = (edge: Edge): Promise<number> =>
      edge.shownInFlight?.(node, signal) ?? edge.inFlight(node, signal);
    const counts = await Promise.all(this.edges.map(ask));
    return counts.reduce((sum, count) => sum + count, 0);
  }

  async sessions(node: string, signal: AbortSignal): Promise<number> {
    const counts = await Promise.all(this.edges.map((edge) => edge.sessions?.(node, signal) ?? 0));
    return counts.reduce((sum, count) => sum + count, 0);
  }

  async views(signal: AbortSignal, maxAgeMs = 0): Promise<readonly EdgeView[]> {
    const desired = this.#desired.out;
    return Promise.all(
      [...this.#owners].map(async ([edge, owner]) => {
        const status = await edgeStatus(edge, () => owner.status(signal, maxAgeMs));
        return { ...status, desired, isConverged: owner.isConverged(status) };
      }),
    );
  }

  async release(): Promise<void> {
    this.#released.abort();
    await Promise.allSettled(this.edges.map((edge) => edge.release()));
  }

  async close(signal: AbortSignal): Promise<void> {
    this.#released.abort();
    await Promise.allSettled(this.edges.map((edge) => edge.close(signal)));
  }

  /** No order and no proof: an edge that cannot do it does not keep the node in. */
  async #drain(node: string, onProgress: OnEdgeProgress, signal: AbortSignal): Promise<void> {
    const drainOne = async (edge: Edge): Promise<void> => {
      const report = (progress: EdgeProgress): void => onProgress(edge.name, progress);
      await edge.drain?.(node, report, signal).catch((thrown: unknown) => {
        const reason = LameduckError.from(thrown).message;
        this.#parts.logger.warn({ edge: edge.name, node, reason }, 'sticky sessions not drained');
      });
    };
    await Promise.all(this.edges.map(drainOne));
    signal.throwIfAborted();
  }

  async #order(node: string, isOut: boolean): Promise<RotationOrder> {
    this.#parts.onPoint('desire', node, 'before');
    const order = await this.#desired.want(node, isOut);
    this.#parts.onPoint('desire', node, 'after');
    return order;
  }

  /** Whether every edge but the one that failed has the node back, or has another order. */
  async #revert(node: string, { details }: LameduckError, signal: AbortSignal): Promise<boolean> {
    try {
      const beganAt = this.#parts.clock.now();
      const order = await this.#order(node, false);
      const judge: Judge = (answers) => judgeRevert(answers, String(details['failedEdge'] ?? ''));
      await this.#answers.judged({ node, order, beganAt }, judge, () => {}, signal);
      return true;
    } catch (thrown) {
      // somebody has given a later order: what becomes of the node is theirs to see to, and not to be taken back here
      return LameduckError.from(thrown).code === 'busy';
    }
  }
}

function problemsOf(outcomes: readonly PromiseSettledResult<unknown>[]): readonly LameduckError[] {
  return outcomes.flatMap((outcome) =>
    outcome.status === 'rejected' ? [LameduckError.from(outcome.reason)] : [],
  );
}

function refuseLasting(problems: readonly LameduckError[]): void {
  const lasting = problems.find(({ code }) => !passing.includes(code));
  if (lasting !== undefined) throw lasting;
}

function partlyOut({ code, message, details }: LameduckError): LameduckError {
  return new LameduckError(code, `${message}; not every other edge could take it back yet`, {
    ...details,
    isPartlyOut: true,
  });
}

/** Whether a removal that failed has left the node out on some edge: it must be restored until that succeeds. */
export function isPartlyOut(thrown: unknown): boolean {
  return LameduckError.from(thrown).details['isPartlyOut'] === true;
}
