import {
  type HistoryDetail,
  type HistoryEntry,
  LameduckError,
  type OperationKind,
  type OperationPlan,
  type OperationReport,
  type PauseStatus,
  type Preview,
  type RolloutReport,
  type RolloutStatus,
  type ServiceFlags,
  type ServiceStatus,
  type WeightReport,
} from '@lameduck/core';
import type { Arrivals } from './arrivals.ts';
import { assemble, findRecord } from './assemble.ts';
import type { Controller, ControllerParts } from './controller-contract.ts';
import type { ServiceEvents } from './events/service-events.ts';
import { describeHistory } from './history-detail.ts';
import { joinService, releaseService } from './join-service.ts';
import type { Metrics } from './metrics/metrics.ts';
import { type NodeRecord, noteState } from './node-record.ts';
import type { OperationOptions } from './operation-spec.ts';
import type { LeaveRequest, Operations } from './operations.ts';
import type { PassiveWatch } from './passive-watch.ts';
import { type PlanParts, planOperation, planRollout } from './plan-operation.ts';
import { previewOperation } from './preview.ts';
import type { RolloutRequest, Rollouts } from './rollouts.ts';
import type { OnProgress } from './run-operation.ts';
import { type ServiceLife, startService, stopService } from './service-life.ts';
import type { AuditLog } from './store/audit-log.ts';
import type { HistoryQuery } from './store/history.ts';
import type { TrafficWatch } from './traffic-watch.ts';
import { nodeStatus } from './views.ts';

export type { Controller, ControllerParts } from './controller-contract.ts';

/** `status` shows what it knows rather than wait longer for an edge or a node. */
const statusTimeoutMs = 2000;

export function createController(parts: ControllerParts): Controller {
  return new ServiceController(parts);
}

class ServiceController implements Controller {
  readonly traffic: TrafficWatch;
  readonly metrics: Metrics;
  readonly events: ServiceEvents;
  readonly audit: AuditLog;
  readonly #parts: ControllerParts;
  readonly #records: readonly NodeRecord[];
  readonly #operations: Operations;
  readonly #life: ServiceLife;
  readonly #arrivals: Arrivals;
  readonly #rollouts: Rollouts;
  readonly #passive: PassiveWatch;
  readonly #closing = new AbortController();
  /** It ran before us and could not be taken over: whoever is served has nothing to do with that. */
  #mustRunOn = false;

  constructor(parts: ControllerParts) {
    const told = { status: () => this.status(), flags: () => this.#flags() };
    const made = assemble(parts, told, this.#closing.signal);
    this.#parts = parts;
    this.#records = made.records;
    this.#operations = made.operations;
    this.#rollouts = made.rollouts;
    this.#life = made.life;
    this.#arrivals = made.arrivals;
    this.#passive = made.passive;
    this.traffic = made.traffic;
    this.metrics = made.metrics;
    this.events = made.events;
    this.audit = made.audit;
  }

  async open(signal: AbortSignal): Promise<void> {
    const isAdopted = await this.#bring(AbortSignal.any([signal, this.#closing.signal]));
    await this.#rollouts.takeUp(isAdopted);
    for (const record of this.#records) noteState(record, this.#parts.clock.now());
    this.#life.monitor.start();
    this.#passive.start();
    if (!this.#life.isOwner) this.#arrivals.start();
  }

  async #bring(signal: AbortSignal): Promise<boolean> {
    if (!this.#life.isOwner) return joinService(this.#life, signal);
    let isAdopting = false;
    try {
      return await startService(this.#life, signal, () => {
        isAdopting = true;
      });
    } catch (error) {
      this.#mustRunOn = isAdopting && !signal.aborted;
      throw error;
    }
  }

  async status(): Promise<ServiceStatus> {
    const signal = AbortSignal.timeout(statusTimeoutMs);
    const [edges, nodes] = await Promise.all([
      this.#life.edges.views(signal),
      Promise.all(
        this.#records.map((record) => nodeStatus(record, this.#life.edges, this.#parts.clock, signal)),
      ),
    ]);
    const { config, version } = this.#parts;
    return { service: config.service, pid: process.pid, version, edges, nodes, ...this.#flags() };
  }

  #flags(): ServiceFlags {
    const { panic } = this.#life.isolation;
    const { status: paused } = this.#life.pause;
    const rollout = this.#rollouts.status();
    return {
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

  async setWeight(node: string, weight: number | undefined, by?: string): Promise<WeightReport> {
    this.#closing.signal.throwIfAborted();
    return this.#life.weights.set(findRecord(this.#records, node), weight, by);
  }

  history(limit: number): Promise<readonly HistoryEntry[]> {
    return this.#life.store.history(limit);
  }

  findHistory(query: HistoryQuery): Promise<readonly HistoryEntry[]> {
    return this.#life.store.findHistory(query);
  }

  async historyEntry(id: number): Promise<HistoryDetail | undefined> {
    return describeHistory(id, this.#life.store, this.events.operations);
  }

  async preview(kind: OperationKind, node: string): Promise<Preview> {
    return previewOperation(this.#planParts(), kind, findRecord(this.#records, node));
  }

  logFile(node: string): string | undefined {
    return findRecord(this.#records, node).runner.logFile;
  }

  async close(signal: AbortSignal): Promise<void> {
    this.#closing.abort(new LameduckError('notRunning', 'Cannot go on: the controller is stopping'));
    this.#life.monitor.stop();
    this.metrics.close();
    await this.#life.isolation.settled();
    await this.#operations.settled();
    await this.#rollouts.settled();
    await this.#life.pause.settled();
    await this.#life.weights.settled();
    await this.#life.unsettled.close();
    this.events.close();
    try {
      if (this.#life.isOwner && !this.#mustRunOn) await stopService(this.#life, signal);
      else await releaseService(this.#life);
    } finally {
      await this.#parts.checks.close();
      await this.audit.settled();
      await this.#parts.store.close();
    }
  }

  #planParts(): PlanParts {
    const { config, edges, clock, hooks = new Map() } = this.#parts;
    return { config, records: this.#records, edges, hooks, clock };
  }
}
