import { type AuditEntry, LameduckError, type ServiceFlags, type ServiceStatus } from '@lameduck/core';
import type { Logger } from 'pino';
import { Arrivals } from './arrivals.ts';
import { Beat } from './beat.ts';
import { Changes } from './changes.ts';
import type { ControllerParts } from './controller-contract.ts';
import { createEdgeSet, type EdgeSet, type EdgeSetParts } from './edge-set.ts';
import type { OnEffect } from './effect-point.ts';
import { createEventSources } from './events/event-sources.ts';
import { ServiceEvents } from './events/service-events.ts';
import { type HealthEvents, HealthMonitor } from './health-monitor.ts';
import { Isolation } from './isolation.ts';
import { measuredStore } from './metrics/measured-store.ts';
import { createMetrics, type Metrics } from './metrics/metrics.ts';
import { Tally } from './metrics/tally.ts';
import { createNodeRecord, type NodeRecord, noteState } from './node-record.ts';
import { Operations } from './operations.ts';
import { PassiveWatch } from './passive-watch.ts';
import { ServicePause } from './pause.ts';
import type { NodeRunner } from './ports/node-runner.ts';
import { Revival } from './revival.ts';
import { Rollouts } from './rollouts.ts';
import type { ServiceLife } from './service-life.ts';
import { type AuditLog, createAuditLog } from './store/audit-log.ts';
import { createServiceStore } from './store/service-store.ts';
import { TrafficWatch } from './traffic-watch.ts';
import { Unsettled } from './unsettled.ts';
import { ServiceWeights } from './weights.ts';

/** What a controller is made of, wired up; nothing has begun. */
export interface Assembly {
  readonly records: readonly NodeRecord[];
  readonly operations: Operations;
  readonly rollouts: Rollouts;
  readonly life: ServiceLife;
  readonly arrivals: Arrivals;
  readonly passive: PassiveWatch;
  readonly traffic: TrafficWatch;
  readonly metrics: Metrics;
  readonly events: ServiceEvents;
  readonly audit: AuditLog;
}

/** What the events ask the controller for. */
export interface Told {
  readonly status: () => Promise<ServiceStatus>;
  readonly flags: () => ServiceFlags;
}

/** `closing` aborts when the controller stops. */
export function assemble(parts: ControllerParts, told: Told, closing: AbortSignal): Assembly {
  const { config, clock, logger, onEffect = () => {}, isOwner = true } = parts;
  const records = config.nodes.map((node) => createNodeRecord(node, runnerOf(parts, node.name), clock.now()));
  const onSeen: EdgeSetParts['onSeen'] = (edge, status) => {
    pause.review(edge, status);
    weights.review(edge, status);
  };
  const edges = createEdgeSet({ ...parts, onPoint: onPoint(records, onEffect), onSeen });
  const around = { clock, logger, beat: new Beat(clock), signal: closing };
  const seen = createSenses({ ...parts, ...around }, told, records, edges);
  const isolation = new Isolation(records, edges, around, config.availability.panicPercent);
  const changes = new Changes(isolation.review);
  const monitor = createMonitor({ ...parts, ...around }, records, seen, changes);
  const store = createServiceStore(measuredStore(parts.store, seen.tally, clock));
  const shared = { ...parts, records, edges, monitor, closing, isOwner, hooks: parts.hooks ?? new Map() };
  const kept = { store, unsettled: new Unsettled(clock, logger) };
  const start = (record: NodeRecord): Promise<void> => operations.revive(record);
  const revival = new Revival({ clock, logger, start, onDeath: changes.notify, isOwner, closing });
  const operations = new Operations({
    ...{ ...shared, ...kept, changes, onEffect },
    onStarted: revival.follow,
    onReleased: revival.released,
    onNotStarted: revival.retry,
    onEnded: seen.tally.operationEnded,
    tell: seen.events.operations.begin,
  });
  const traffic = new TrafficWatch(records, parts.edges, around);
  const rollouts = new Rollouts({
    ...{ ...shared, ...kept, readTraffic: () => traffic.ask() },
    onEnded: seen.tally.rolloutEnded,
    untilFree: (node) => untilFree(findRecord(records, node), changes, closing),
    operate: (kind, node, onProgress, options) =>
      operations.run(kind, findRecord(records, node), onProgress, options),
  });
  const pause = new ServicePause({ ...shared, unsettled: kept.unsettled, store: parts.store });
  const weights = new ServiceWeights({ ...shared, store: parts.store });
  const life = { ...shared, ...kept, isolation, revival, operations, pause, weights };
  const asked = { panic: () => isolation.panic, rollout: () => rollouts.status() };
  const metered = { ...parts, records, traffic, tally: seen.tally, ...asked };
  return {
    ...{ records, operations, rollouts, life, traffic, events: seen.events, audit: seen.audit },
    arrivals: new Arrivals(life, closing),
    passive: new PassiveWatch(records, traffic, monitor, around),
    metrics: createMetrics(metered),
  };
}

async function untilFree(record: NodeRecord, changes: Changes, closing: AbortSignal): Promise<void> {
  while (record.operation !== undefined) await changes.next(closing);
}

interface Senses {
  readonly events: ServiceEvents;
  readonly audit: AuditLog;
  readonly tally: Tally;
}

function createSenses(
  parts: ControllerParts & { readonly beat: Beat },
  told: Told,
  records: readonly NodeRecord[],
  edges: EdgeSet,
): Senses {
  const { store, clock, logger } = parts;
  const events = new ServiceEvents({ ...createEventSources(parts, records, edges), ...told });
  const onEntry = (entry: AuditEntry): void => events.bus.publish('audit', entry);
  const audit = createAuditLog({ store, clock, logger, onEntry });
  return { events, audit, tally: new Tally(records.map(nameOf)) };
}

function createMonitor(
  { checks, clock, beat, logger }: ControllerParts & { readonly beat: Beat },
  records: readonly NodeRecord[],
  { events, tally }: Senses,
  changes: Changes,
): HealthMonitor {
  const tell: HealthEvents = {
    checked: (record, before) => {
      if (before.verdict !== record.health.verdict) {
        logTransition(logger, record, before.verdict);
        tally.healthChanged(record.config.name);
      }
      noteState(record, clock.now());
      events.checks.checked(record);
    },
    settled: changes.notify,
  };
  return new HealthMonitor(records, checks, clock, tell, beat);
}

function nameOf({ config }: NodeRecord): string {
  return config.name;
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

/** Throws `noSuchNode`. */
export function findRecord(records: readonly NodeRecord[], node: string): NodeRecord {
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
