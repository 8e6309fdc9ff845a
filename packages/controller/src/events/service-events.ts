import type { EdgeView, NodeStatus, ServiceFlags, ServiceStatus } from '@lameduck/core';
import { LameduckError } from '@lameduck/core';
import type { Logger } from 'pino';
import type { Beat } from '../beat.ts';
import { within } from '../deadline.ts';
import type { NodeRecord } from '../node-record.ts';
import type { Clock } from '../ports/clock.ts';
import { ChecksFeed } from './checks-feed.ts';
import { EventBus, type EventListener, formatEvent } from './event-bus.ts';
import { NodeWatch } from './node-watch.ts';
import { OperationFeed } from './operation-feed.ts';

/** Edges and nodes are asked with every tenth beat: each second. */
const beatsToRefresh = 10;
/** Edges that operations change are asked this often at most, however many operations there are. */
const beatsToHasten = 5;
/** While nothing is changed at an edge, what its owner has asked it for every two seconds will do. */
const restingMs = 2500;
/** Most time that an edge or a node may take to say how it is. */
const askTimeoutMs = 2000;
/** Nodes asked in one turn, so that many nodes cost no more than this. */
const nodesInTurn = 10;

/** What the events are made of. */
export interface EventSources {
  readonly records: readonly NodeRecord[];
  readonly clock: Clock;
  /** With each the controller's own records are compared, which bounds how many events one node can make. */
  readonly beat: Beat;
  readonly logger: Logger;
  readonly status: () => Promise<ServiceStatus>;
  readonly flags: () => ServiceFlags;
  readonly edges: (signal: AbortSignal, maxAgeMs: number) => Promise<readonly EdgeView[]>;
  /** Asks the node's edges and master for what the record does not know. */
  readonly refreshNode: (record: NodeRecord, signal: AbortSignal) => Promise<void>;
  readonly viewNode: (record: NodeRecord) => NodeStatus;
}

interface Snapshot {
  readonly id: string;
  readonly text: Promise<string>;
}

/** Everything that happens in the service, as events; see `ApiEvents` in core. Asks nobody while nobody listens. */
export class ServiceEvents {
  readonly bus: EventBus;
  readonly operations: OperationFeed;
  readonly checks: ChecksFeed;
  readonly #sources: EventSources;
  readonly #nodes: NodeWatch;
  readonly #edges = new Map<string, string>();
  #areEdgesDue = false;
  #beats = 0;
  #edgesAskedAt = 0;
  #isRefreshing = false;
  #flags = '';
  #rollout = '';
  #turn = 0;
  #stop: () => void = () => undefined;
  #snapshot: Snapshot | undefined;
  readonly #feeds: ((bus: EventBus) => () => void)[] = [];

  constructor(sources: EventSources) {
    this.#sources = sources;
    this.#nodes = new NodeWatch(sources.records);
    this.bus = new EventBus(sources.clock, { wake: () => this.#wake(), sleep: () => this.#stop() });
    this.operations = new OperationFeed(this.bus, sources.clock, () => this.#hastenEdges());
    this.checks = new ChecksFeed(this.bus, sources.clock);
  }

  /**
   * From now on the listener gets every event. Resolves with what it must be given before: the events that it has missed, or
   * the whole state where those are not known. Events that come meanwhile are for the caller to hold back.
   */
  async listen(listener: EventListener, lastEventId?: string): Promise<string> {
    const missed = this.bus.subscribe(listener, lastEventId);
    if (missed !== undefined) return missed;
    const { id, text } = this.#takeSnapshot();
    // of a snapshot that others wait for already, this one has not heard what came since
    const since = this.bus.since(id) ?? '';
    return (await text) + since;
  }

  /** Starts what makes further events, while somebody listens; what `start` returns ends it. */
  addFeed(start: (bus: EventBus) => () => void): void {
    this.#feeds.push(start);
  }

  close(): void {
    this.bus.close();
  }

  /** Many who come at once get the same one. Its id is that of the event before it was taken. */
  #takeSnapshot(): Snapshot {
    if (this.#snapshot !== undefined) return this.#snapshot;
    const id = this.bus.lastId;
    const format = async (): Promise<string> => formatEvent(id, 'status', await this.#sources.status());
    const text = format().finally(() => {
      this.#snapshot = undefined;
    });
    this.#snapshot = { id, text };
    return this.#snapshot;
  }

  #wake(): void {
    this.#nodes.reset();
    const { flags, rollout } = this.#readFlags();
    this.#flags = flags;
    this.#rollout = rollout;
    const { beat } = this.#sources;
    // what is asked for is found with a later beat; what is gathered goes out with this one
    const stops = [
      beat.join(() => this.#beginRefresh(), beatsToRefresh),
      beat.join(() => this.#look()),
      ...this.#feeds.map((start) => start(this.bus)),
    ];
    this.#stop = () => {
      for (const stop of stops) stop();
    };
  }

  /** What an operation has done at an edge is seen at once; asked with the next comparison, once for all. */
  #hastenEdges(): void {
    this.#areEdgesDue = true;
  }

  /** What is found goes out with the same beat, all in one. */
  #look(): void {
    const { clock } = this.#sources;
    try {
      this.#beats += 1;
      this.#compare();
      // an edge that does not answer must not hold up what the records say
      if (this.#areEdgesDue && this.#beats - this.#edgesAskedAt >= beatsToHasten)
        within(clock, askTimeoutMs, [], (signal) => this.#refreshEdges(signal, 0)).catch(() => undefined);
    } catch (thrown) {
      this.#notMade(thrown);
    }
    this.bus.beat();
  }

  #compare(): void {
    const { clock, viewNode } = this.#sources;
    for (const record of this.#nodes.changed(clock.now())) this.bus.publish('node', viewNode(record));
    this.#compareFlags();
  }

  #compareFlags(): void {
    const { flags, rollout } = this.#readFlags();
    const now = this.#sources.flags();
    if (rollout !== this.#rollout && now.rollout !== undefined) this.bus.publish('rollout', now.rollout);
    if (flags !== this.#flags) this.bus.publish('service', now);
    this.#flags = flags;
    this.#rollout = rollout;
  }

  /** Without the time that passes by itself. */
  #readFlags(): { readonly flags: string; readonly rollout: string } {
    const { paused, panic, rollout } = this.#sources.flags();
    const told = JSON.stringify(rollout ?? null);
    return {
      flags: JSON.stringify([paused?.sinceMs, paused?.holdMs, paused?.by, panic, told]),
      rollout: told,
    };
  }

  /** The next one not before the last has ended. */
  #beginRefresh(): void {
    this.checks.flush();
    if (this.#isRefreshing) return;
    this.#isRefreshing = true;
    this.#refresh()
      .catch((thrown: unknown) => this.#notMade(thrown))
      .finally(() => {
        this.#isRefreshing = false;
      });
  }

  #notMade(thrown: unknown): void {
    this.#sources.logger.error({ reason: LameduckError.from(thrown).message }, 'events not made');
  }

  async #refresh(): Promise<void> {
    const { records, clock, refreshNode } = this.#sources;
    const count = Math.min(nodesInTurn, records.length);
    const turn = Array.from({ length: count }, (_, step) => records[(this.#turn + step) % records.length]);
    this.#turn = (this.#turn + count) % Math.max(1, records.length);
    await within(clock, askTimeoutMs, [], (signal) =>
      Promise.all([
        this.#refreshEdges(signal, this.#areEdgesDue ? 0 : restingMs),
        ...turn.map((record) => (record === undefined ? undefined : refreshNode(record, signal))),
      ]),
    );
  }

  async #refreshEdges(signal: AbortSignal, maxAgeMs: number): Promise<void> {
    this.#areEdgesDue = false;
    this.#edgesAskedAt = this.#beats;
    for (const edge of await this.#sources.edges(signal, maxAgeMs)) {
      const text = JSON.stringify(edge);
      if (this.#edges.get(edge.name) === text) continue;
      this.#edges.set(edge.name, text);
      this.bus.publish('edge', edge);
    }
  }
}
