import type { Kind } from './kinds.ts';
import { createLatencyRecorder, type LatencyRecorder } from './latency.ts';
import { type LossReason, lossReasons } from './outcome.ts';
import type { Counts, LedgerResult, Loss, Phase } from './result.ts';
import type { Sent } from './traffic/traffic.ts';

/** The client's book: every request is entered once when it is sent and once when it has ended. */
export interface Tally {
  sent(kind: Kind): void;
  settled(kind: Kind, sent: Sent): void;
  closedUnused(): void;
  /** Begins a phase; one in which nothing ended and no time passed is dropped. */
  mark(name: string): void;
  /** The book as it stands at `nowMs` from the start. */
  summary(): TallySummary;
}

/** The part of the result that the tally knows. */
export type TallySummary = Omit<LedgerResult, 'runId' | 'url' | 'connections' | 'server'>;

interface Column {
  sent: number;
  answered: number;
  lost: number;
  readonly latency: LatencyRecorder;
}

interface OpenPhase extends Column {
  readonly name: string;
  readonly startedMs: number;
}

function emptyColumn(): Column {
  return { sent: 0, answered: 0, lost: 0, latency: createLatencyRecorder() };
}

function countsOf({ sent, answered, lost, latency }: Column): Counts {
  return { sent, answered, lost, latency: latency.summary() };
}

function phaseOf(phase: OpenPhase, endMs: number): Phase {
  const { answered, lost, latency } = countsOf(phase);
  return { name: phase.name, durationMs: endMs - phase.startedMs, answered, lost, latency };
}

function countReasons(losses: readonly Loss[]): Record<LossReason, number> {
  const counts = Object.fromEntries(lossReasons.map((reason) => [reason, 0])) as Record<LossReason, number>;
  for (const { reason } of losses) counts[reason] += 1;
  return counts;
}

function countStatuses(losses: readonly Loss[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { reason, status } of losses) {
    if (reason === 'errorStatus') counts[String(status)] = (counts[String(status)] ?? 0) + 1;
  }
  return counts;
}

function columnOf(byKind: Map<Kind, Column>, kind: Kind): Column {
  const column = byKind.get(kind) ?? emptyColumn();
  byKind.set(kind, column);
  return column;
}

function lossOf(kind: Kind, { id, method, outcome }: Sent, atMs: number, phase: string): readonly Loss[] {
  if (outcome.ok) return [];
  const { ok: _, ...why } = outcome;
  return [{ id, kind, method, atMs, phase, ...why }];
}

/** An empty book. `nowMs` gives the milliseconds since the load's start. */
export function createTally(nowMs: () => number): Tally {
  const total = emptyColumn();
  const byKind = new Map<Kind, Column>();
  const losses: Loss[] = [];
  const closedPhases: Phase[] = [];
  let closedUnused = 0;
  let phase: OpenPhase = { ...emptyColumn(), name: 'load', startedMs: 0 };

  const columnsOf = (kind: Kind): readonly Column[] => [total, columnOf(byKind, kind), phase];
  return {
    sent: (kind) => {
      for (const column of columnsOf(kind)) column.sent += 1;
    },
    settled: (kind, sent) => {
      for (const column of columnsOf(kind)) {
        if (sent.outcome.ok) column.latency.record(sent.outcome.latencyMs);
        column[sent.outcome.ok ? 'answered' : 'lost'] += 1;
      }
      losses.push(...lossOf(kind, sent, Math.round(nowMs()), phase.name));
    },
    closedUnused: () => {
      closedUnused += 1;
    },
    mark: (name) => {
      const isEmpty = phase.sent + phase.answered + phase.lost === 0;
      if (!isEmpty) closedPhases.push(phaseOf(phase, nowMs()));
      phase = { ...emptyColumn(), name, startedMs: nowMs() };
    },
    summary: () => {
      const durationMs = nowMs();
      return {
        ...countsOf(total),
        durationMs,
        requestsPerSecond: (total.answered * 1000) / Math.max(1, durationMs),
        inFlight: total.sent - total.answered - total.lost,
        closedUnused,
        reasons: countReasons(losses),
        errorStatuses: countStatuses(losses),
        kinds: Object.fromEntries([...byKind].map(([kind, column]) => [kind, countsOf(column)])),
        phases: [...closedPhases, phaseOf(phase, durationMs)],
        losses: [...losses],
      };
    },
  };
}
