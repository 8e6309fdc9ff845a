import {
  type Config,
  type HistoryEntry,
  LameduckError,
  type OperationKind,
  type OperationPlan,
  type OperationReport,
  type PauseStatus,
  type RolloutReport,
  type RolloutStatus,
  type ServiceStatus,
} from '@lameduck/core';
import type { Logger } from 'pino';
import { Arrivals } from './arrivals.ts';
import { edgeTraffic } from './canary-watch.ts';
import { Changes } from './changes.ts';
import { createEdgeSet, type EdgeSetParts } from './edge-set.ts';
import type { OnEffect } from './effect-point.ts';
import { HealthMonitor } from './health-monitor.ts';
import { Isolation } from './isolation.ts';
import { joinService, releaseService } from './join-service.ts';
import { measuredStore } from './metrics/measured-store.ts';
import { createMetrics, type Metrics } from './metrics/metrics.ts';
import { Tally } from './metrics/tally.ts';
import { createNodeRecord, type NodeRecord, noteState } from './node-record.ts';
import type { OperationOptions } from './operation-spec.ts';
import { type LeaveRequest, Operations } from './operations.ts';
import { PassiveWatch } from './passive-watch.ts';
import { ServicePause } from './pause.ts';
import { type PlanParts, planOperation, planRollout } from './plan-operation.ts';
import type { Clock } from './ports/clock.ts';
import type { Edge } from './ports/edge.ts';
import type { HealthChecks } from './ports/health-checks.ts';
import type { NodeHooks } from './ports/node-hooks.ts';
import type { NodeRunner } from './ports/node-runner.ts';
import type { Store } from './ports/store.ts';
import { Revival } from './revival.ts';
import { type RolloutRequest, Rollouts } from './rollouts.ts';
import type { OnProgress } from './run-operation.ts';
import { type ServiceLife, startService, stopService } from './service-life.ts';
import { createServiceStore } from './store/service-store.ts';
import { TrafficWatch } from './traffic-watch.ts';
import { Unsettled } from './unsettled.ts';
import { nodeStatus } from './views.ts';

/** `status` shows what it knows rather than wait longer for an edge or a node. */
const statusTimeoutMs = 2000;

/** The adapters, made by the composition root. */
export interface ControllerParts {
  readonly config: Config;
  readonly edges: readonly Edge[];
  /** One for each node, by name. */
  readonly runners: ReadonlyMap<string, NodeRunner>;
  readonly store: Store;
  readonly checks: HealthChecks;
  /** Of the nodes that have any, by name. */
  readonly hooks?: ReadonlyMap<string, NodeHooks>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Of lameduck, for its metrics. */
  readonly version: string;
  /** `false`: nodes and edges belong to somebody else, are not started by `open` and not stopped by `close`. */
  readonly isOwner?: boolean;
  /** Told of each step of an operation before and after it touches the world. */
  readonly onEffect?: OnEffect;
}

/** Runs one service: its edges, its nodes and every operation on them. */
export interface Controller {
  /**
   * Starts or adopts nodes and edges; resolves when every node that should serve is in rotation. Where it is no owner,
   * nodes that do not run are watched for until somebody starts them.
   */
  open(signal: AbortSignal): Promise<void>;
  status(): Promise<ServiceStatus>;
  /** Resolves with the report however the operation ends. Throws `noSuchNode`, `busy`, `notRunning`. */
  operate(
    kind: OperationKind,
    node: string,
    onProgress: OnProgress,
    options?: OperationOptions,
  ): Promise<OperationReport>;
  /** What the operation would do; touches nothing. Throws as `operate`. */
  planOperation(kind: OperationKind, node: string, options?: OperationOptions): Promise<OperationPlan>;
  /** A node was sent SIGTERM by somebody else: takes it out, lets it end and starts it again. Throws `notRunning`. */
  leave(node: string, request: LeaveRequest, onProgress: OnProgress): Promise<OperationReport>;
  /** Restarts all nodes, in batches, canaries first. Throws `busy`, `refused`, `usage`, `noSuchNode`. */
  rollout(request: RolloutRequest, onProgress: OnProgress): Promise<RolloutReport>;
  planRollout(request: RolloutRequest): Promise<OperationPlan>;
  /** The rollout under way, or the last one of this controller. */
  rolloutStatus(): RolloutStatus | undefined;
  /** Each throws `notRunning` where no rollout is under way that could obey. */
  pauseRollout(by?: string): RolloutStatus;
  resumeRollout(by?: string): RolloutStatus;
  abortRollout(by?: string): RolloutStatus;
  /** Lets all requests wait at the edges, each at most `holdMs` (`availability.hold`). Throws `edgeRejected`, `edgeUnproven`. */
  pause(by?: string, holdMs?: number): Promise<PauseStatus>;
  /** Sends requests on again, those that wait first. */
  resume(): Promise<void>;
  history(limit: number): Promise<readonly HistoryEntry[]>;
  /** What the edges count. */
  readonly traffic: TrafficWatch;
  readonly metrics: Metrics;
  /**
   * Stops everything gracefully; what is left when the signal aborts is killed. Where it is no owner, nothing is
   * touched, and operations under way are left to the next controller.
   */
  close(signal: AbortSignal): Promise<void>;
}

export function createController(parts: ControllerParts): Controller {
  return new ServiceController(parts);
}

class ServiceController implements Controller {
  readonly traffic: TrafficWatch;
  readonly metrics: Metrics;
  readonly #parts: ControllerParts;
  readonly #records: readonly NodeRecord[];
  readonly #operations: Operations;
  readonly #life: ServiceLife;
  readonly #arrivals: Arrivals;
  readonly #rollouts: Rollouts;
  readonly #passive: PassiveWatch;
  readonly #closing = new AbortController();

  constructor(parts: ControllerParts) {
    const { config, clock, logger } = parts;
    const closing = this.#closing.signal;
    const records = config.nodes.map((node) =>
      createNodeRecord(node, runnerOf(parts, node.name), clock.now()),
    );
    const { onEffect = () => {} } = parts;
    const edges = createEdgeSet({ ...parts, onPoint: onPoint(records, onEffect) });
    const around = { clock, logger, signal: closing };
    const tally = new Tally(config.nodes.map(({ name }) => name));
    const isolation = new Isolation(records, edges, around, config.availability.panicPercent);
    const changes = new Changes(isolation.review);
    const monitor = new HealthMonitor(records, parts.checks, clock, {
      checked: (record, before) => {
        if (before.verdict !== record.health.verdict) {
          logTransition(logger, record, before.verdict);
          tally.healthChanged(record.config.name);
        }
        noteState(record, clock.now());
      },
      settled: changes.notify,
    });
    const start = (record: NodeRecord): Promise<void> => this.#operations.revive(record);
    const { isOwner = true } = parts;
    const revival = new Revival({ clock, logger, start, onDeath: changes.notify, isOwner, closing });
    const store = createServiceStore(measuredStore(parts.store, tally, clock));
    const kept = { store, unsettled: new Unsettled(clock, logger) };
    const hooks = parts.hooks ?? new Map();
    const shared = { ...parts, ...kept, records, edges, monitor, hooks };
    const told = {
      onStarted: revival.follow,
      onReleased: revival.released,
      onNotStarted: revival.retry,
      onEnded: tally.operationEnded,
      onEffect,
    };
    this.#parts = parts;
    this.#records = records;
    const pause = new ServicePause({ ...shared, store: parts.store, closing });
    this.#operations = new Operations({ ...shared, isOwner, changes, closing, ...told });
    this.#life = { ...shared, isOwner, isolation, revival, operations: this.#operations, pause };
    this.#arrivals = new Arrivals(this.#life, closing);
    this.#rollouts = new Rollouts({
      ...shared,
      closing,
      readTraffic: edgeTraffic(parts.edges),
      operate: (kind, node, onProgress, options) => this.operate(kind, node, onProgress, options),
    });
    this.traffic = new TrafficWatch(records, parts.edges, around);
    const metered = { ...parts, records, traffic: this.traffic, tally, panic: () => isolation.panic };
    this.metrics = createMetrics(metered);
    this.#passive = new PassiveWatch(records, this.traffic, monitor, around);
  }

  async open(signal: AbortSignal): Promise<void> {
    const bring = this.#life.isOwner ? startService : joinService;
    const isAdopted = await bring(this.#life, AbortSignal.any([signal, this.#closing.signal]));
    await this.#rollouts.takeUp(isAdopted);
    for (const record of this.#records) noteState(record, this.#parts.clock.now());
    this.#life.monitor.start();
    this.#passive.start();
    if (!this.#life.isOwner) this.#arrivals.start();
  }

  async status(): Promise<ServiceStatus> {
    const signal = AbortSignal.timeout(statusTimeoutMs);
    const [edges, nodes] = await Promise.all([
      this.#life.edges.views(signal),
      Promise.all(
        this.#records.map((record) => nodeStatus(record, this.#life.edges, this.#parts.clock, signal)),
      ),
    ]);
    const { panic } = this.#life.isolation;
    const { status: paused } = this.#life.pause;
    const rollout = this.#rollouts.status();
    const common = { service: this.#parts.config.service, pid: process.pid, edges, nodes };
    return {
      ...common,
      ...(paused === undefined ? {} : { paused }),
      ...(panic === undefined ? {} : { panic }),
      ...(rollout === undefined ? {} : { rollout }),
    };
  }

  async operate(
    kind: OperationKind,
    node: string,
    onProgress: OnProgress,
    options: OperationOptions = {},
  ): Promise<OperationReport> {
    return this.#operations.run(kind, findRecord(this.#records, node), onProgress, options);
  }

  async planOperation(
    kind: OperationKind,
    node: string,
    { force }: OperationOptions = {},
  ): Promise<OperationPlan> {
    return planOperation(this.#planParts(), kind, findRecord(this.#records, node), force === true);
  }

  async leave(node: string, request: LeaveRequest, onProgress: OnProgress): Promise<OperationReport> {
    return this.#operations.leave(findRecord(this.#records, node), request, onProgress);
  }

  rollout(request: RolloutRequest, onProgress: OnProgress): Promise<RolloutReport> {
    return this.#rollouts.run(request, onProgress);
  }

  async planRollout(request: RolloutRequest): Promise<OperationPlan> {
    return planRollout(this.#planParts(), this.#rollouts.draft(request));
  }

  rolloutStatus(): RolloutStatus | undefined {
    return this.#rollouts.status();
  }

  pauseRollout(by?: string): RolloutStatus {
    return this.#rollouts.pause(by);
  }

  resumeRollout(by?: string): RolloutStatus {
    return this.#rollouts.resume(by);
  }

  abortRollout(by?: string): RolloutStatus {
    return this.#rollouts.abort(by);
  }

  pause(by?: string, holdMs?: number): Promise<PauseStatus> {
    this.#closing.signal.throwIfAborted();
    return this.#life.pause.pause(by, holdMs);
  }

  resume(): Promise<void> {
    this.#closing.signal.throwIfAborted();
    return this.#life.pause.resume();
  }

  history(limit: number): Promise<readonly HistoryEntry[]> {
    return this.#life.store.history(limit);
  }

  async close(signal: AbortSignal): Promise<void> {
    this.#closing.abort(new LameduckError('notRunning', 'Cannot go on: the controller is stopping'));
    this.#life.monitor.stop();
    this.metrics.close();
    await this.#life.isolation.settled();
    await this.#operations.settled();
    await this.#rollouts.settled();
    await this.#life.unsettled.close();
    try {
      if (this.#life.isOwner) await stopService(this.#life, signal);
      else await releaseService(this.#life);
    } finally {
      await this.#parts.checks.close();
      await this.#parts.store.close();
    }
  }

  #planParts(): PlanParts {
    const { config, edges, clock, hooks = new Map() } = this.#parts;
    return { config, records: this.#records, edges, hooks, clock };
  }
}

/** What happens at the edges because of an operation is a step of it. */
function onPoint(records: readonly NodeRecord[], onEffect: OnEffect): EdgeSetParts['onPoint'] {
  const byName = new Map(records.map((record) => [record.config.name, record]));
  return (effect, node, when) => {
    const operation = byName.get(node)?.operation?.kind;
    if (operation !== undefined) onEffect({ operation, node, effect, when });
  };
}

function runnerOf(parts: ControllerParts, node: string): NodeRunner {
  const runner = parts.runners.get(node);
  if (runner === undefined)
    throw new LameduckError('internal', `Cannot run node "${node}": no runner was made for it`);
  return runner;
}

function findRecord(records: readonly NodeRecord[], node: string): NodeRecord {
  const record = records.find((candidate) => candidate.config.name === node);
  if (record !== undefined) return record;
  const names = records.map((candidate) => candidate.config.name);
  throw new LameduckError('noSuchNode', `Cannot find node "${node}": one of ${names.join(', ')} is wanted`, {
    node,
    names,
  });
}

function logTransition(logger: Logger, record: NodeRecord, from: string): void {
  const { verdict, last, change } = record.health;
  const fields = { node: record.config.name, from, to: verdict, check: last?.detail, reason: change?.reason };
  logger.info(fields, 'health changed');
}
