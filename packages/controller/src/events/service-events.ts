import type { EdgeView, NodeStatus, ServiceFlags, ServiceStatus } from '@lameduck/core';
import { LameduckError } from '@lameduck/core';
import type { Logger } from 'pino';
import { type NodeRecord, noteState } from '../node-record.ts';
import type { Clock } from '../ports/clock.ts';
import { ChecksFeed } from './checks-feed.ts';
import { EventBus, type EventListener, formatEvent } from './event-bus.ts';
import { NodeWatch } from './node-watch.ts';
import { OperationFeed } from './operation-feed.ts';
import { everyTick } from './tick.ts';

/** How often the controller's own records are compared: bounds how many events one node can make. */
const tickMs = 100;
/** How often edges and nodes are asked. */
const refreshMs = 1000;
/** Nodes asked in one turn, so that many nodes cost no more than this. */
const nodesInTurn = 10;

/** What the events are made of. */
export interface EventSources {
  readonly records: readonly NodeRecord[];
  readonly clock: Clock;
  readonly logger: Logger;
  readonly status: () => Promise<ServiceStatus>;
  readonly flags: () => ServiceFlags;
  readonly edges: () => Promise<readonly EdgeView[]>;
  /** Asks the node's edges and master for what the record does not know. */
  readonly refreshNode: (record: NodeRecord) => Promise<void>;
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
    const { clock, logger } = this.#sources;
    this.#nodes.reset();
    const { flags, rollout } = this.#readFlags();
    this.#flags = flags;
    this.#rollout = rollout;
    const onError = (thrown: unknown): void =>
      logger.error({ reason: LameduckError.from(thrown).message }, 'events not made');
    const stopCompare = everyTick(clock, tickMs, async () => this.#compare(), onError);
    const stopRefresh = everyTick(clock, refreshMs, () => this.#refresh(), onError);
    const stopFeeds = this.#feeds.map((start) => start(this.bus));
    this.#stop = () => {
      for (const stop of stopFeeds) stop();
      stopCompare();
      stopRefresh();
    };
  }

  /** What an operation has done at an edge is seen at once; asked with the next comparison, once for all. */
  #hastenEdges(): void {
    this.#areEdgesDue = true;
  }

  #compare(): void {
    const { clock, viewNode } = this.#sources;
    for (const record of this.#nodes.changed(clock.now())) this.bus.publish('node', viewNode(record));
    this.#compareFlags();
    if (!this.#areEdgesDue) return;
    this.#areEdgesDue = false;
    // an edge that does not answer must not hold up what the records say
    this.#refreshEdges().catch(() => undefined);
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

  async #refresh(): Promise<void> {
    this.checks.flush();
    const { records, clock, refreshNode } = this.#sources;
    // a state that follows from none of the fields that are compared each time
    for (const record of records) noteState(record, clock.now());
    const count = Math.min(nodesInTurn, records.length);
    const turn = Array.from({ length: count }, (_, step) => records[(this.#turn + step) % records.length]);
    this.#turn = (this.#turn + count) % Math.max(1, records.length);
    await Promise.all([
      this.#refreshEdges(),
      ...turn.map((record) => (record === undefined ? undefined : refreshNode(record))),
    ]);
  }

  async #refreshEdges(): Promise<void> {
    for (const edge of await this.#sources.edges()) {
      const text = JSON.stringify(edge);
      if (this.#edges.get(edge.name) === text) continue;
      this.#edges.set(edge.name, text);
      this.bus.publish('edge', edge);
    }
  }
}
