import type {
  HistoryDetail,
  NodeStatus,
  OperationEventData,
  OperationKind,
  OperationReport,
} from '@lameduck/core';
import { toMs } from './format.ts';
import type { OperationView, TimelineProof, TimelineStep } from './state.ts';

function begin(
  event: { readonly id: string | number; readonly node: string; readonly operation: OperationKind },
  atMs: number,
): OperationView {
  return {
    id: String(event.id),
    node: event.node,
    kind: event.operation,
    beganAtMs: atMs,
    steps: [],
    proofs: [],
    inFlight: undefined,
    peakInFlight: 0,
    waiting: undefined,
    deadlineAtMs: undefined,
    report: undefined,
    endedAtMs: undefined,
  };
}

/** The timeline after one more event; a page that came late begins where it came. */
export function stepOperationView(
  before: OperationView | undefined,
  event: OperationEventData,
  nowMs: number,
): OperationView {
  const atMs = toMs(event.at) ?? nowMs;
  const view = before ?? begin(event, atMs);
  switch (event.type) {
    case 'phase':
      return enterStep(view, event, atMs);
    case 'phaseEnded':
      return { ...view, steps: closeStep(view.steps, event.phase, event.ms, atMs) };
    case 'inFlight':
      return {
        ...view,
        inFlight: event.count,
        peakInFlight: Math.max(view.peakInFlight, event.count),
      };
    case 'edge':
      return { ...view, proofs: noteProof(view, event, atMs) };
    case 'waiting':
      return { ...view, waiting: event.reason };
    case 'ended':
      return endOperation(view, event.report, atMs);
    default:
      return view;
  }
}

function enterStep(
  view: OperationView,
  event: Extract<OperationEventData, { type: 'phase' }>,
  atMs: number,
): OperationView {
  const step: TimelineStep = { name: event.phase, beganAtMs: atMs, ms: undefined };
  const others = view.steps.filter((each) => each.name !== event.phase);
  return { ...view, steps: [...others, step], waiting: undefined };
}

function closeStep(
  steps: readonly TimelineStep[],
  name: TimelineStep['name'],
  ms: number,
  atMs: number,
): readonly TimelineStep[] {
  const known = steps.find((step) => step.name === name);
  const closed: TimelineStep = { name, beganAtMs: known?.beganAtMs ?? atMs - ms, ms };
  return known === undefined ? [...steps, closed] : steps.map((step) => (step === known ? closed : step));
}

function noteProof(
  view: OperationView,
  event: { readonly edge: string; readonly state: string; readonly processes?: number },
  atMs: number,
): readonly TimelineProof[] {
  // on the way back the edges are told again: what they answer then proves nothing of the way out
  if (view.steps.at(-1)?.name === 'return') return view.proofs;
  const proof: TimelineProof = {
    edge: event.edge,
    state: event.state,
    processes: event.processes,
    afterMs: atMs - view.beganAtMs,
  };
  const isKnown = view.proofs.some((each) => each.edge === event.edge);
  return isKnown
    ? view.proofs.map((each) => (each.edge === event.edge ? proof : each))
    : [...view.proofs, proof];
}

function endOperation(view: OperationView, report: OperationReport, atMs: number): OperationView {
  return {
    ...view,
    steps: stepsOf(report, atMs - report.ms),
    beganAtMs: view.steps.length === 0 ? atMs - report.ms : view.beganAtMs,
    peakInFlight: Math.max(view.peakInFlight, report.inFlight),
    inFlight: undefined,
    waiting: undefined,
    deadlineAtMs: undefined,
    report,
    endedAtMs: atMs,
  };
}

function stepsOf(report: OperationReport, beganAtMs: number): readonly TimelineStep[] {
  let atMs = beganAtMs;
  return report.phases.map(({ name, ms }) => {
    const step = { name, beganAtMs: atMs, ms };
    atMs += ms;
    return step;
  });
}

/** What a status says of an operation whose events we did not see. */
export function operationFromStatus(node: NodeStatus, nowMs: number): OperationView | undefined {
  const { operation } = node;
  if (operation === undefined) return undefined;
  const base = begin(
    { id: `${node.name}:now`, node: node.name, operation: operation.kind },
    nowMs - operation.ms,
  );
  return {
    ...base,
    steps: [{ name: operation.phase, beganAtMs: undefined, ms: undefined }],
    inFlight: node.inFlight,
    peakInFlight: node.inFlight,
  };
}

/** The timeline of an entry of the history. A rollout has none of its own: its nodes have. */
export function operationFromHistory(entry: HistoryDetail): OperationView | undefined {
  const { report, operation } = entry;
  const beganAtMs = toMs(entry.beganAt);
  if (operation === 'rollout' || beganAtMs === undefined) return undefined;
  const base = begin({ id: entry.id, node: entry.subject, operation }, beganAtMs);
  // a daemon of an older version tells neither
  const proofs = (entry.proofs ?? []).map(
    ({ edge, ms }): TimelineProof => ({ edge, state: 'quiesced', processes: undefined, afterMs: ms }),
  );
  if (report?.operation === 'rollout') return undefined;
  if (report === undefined) return { ...base, proofs, steps: stepsOfHistory(entry) };
  const ended = endOperation(base, report, beganAtMs + report.ms);
  return { ...ended, beganAtMs, proofs, steps: stepsOf(report, beganAtMs) };
}

/**
 * What was fetched, with what the stream has told meanwhile: the answer may have been written before the last events
 * came, and must take nothing back.
 */
export function mergeLoaded(known: OperationView | undefined, loaded: OperationView): OperationView {
  if (known === undefined) return loaded;
  const proofs = known.proofs.length > 0 ? known.proofs : loaded.proofs;
  if (loaded.report !== undefined)
    return { ...loaded, proofs: loaded.proofs.length > 0 ? loaded.proofs : proofs };
  if (known.report !== undefined) return { ...known, proofs };
  const steps = new Map([...loaded.steps, ...known.steps].map((step) => [step.name, step]));
  return { ...known, proofs, steps: [...steps.values()], beganAtMs: loaded.beganAtMs };
}

function stepsOfHistory(entry: HistoryDetail): readonly TimelineStep[] {
  return (entry.steps ?? []).map(({ name, ms, beganAt }) => ({ name, ms, beganAtMs: toMs(beganAt) }));
}
