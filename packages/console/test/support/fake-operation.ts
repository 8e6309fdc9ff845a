import type { HistoryDetail, OperationKind, OperationReport, PhaseName } from '@lameduck/core';
import type { FakeService } from './fake-service.ts';

const plans: Readonly<Record<OperationKind, readonly PhaseName[]>> = {
  drain: ['check', 'remove', 'drain'],
  ready: ['health', 'return'],
  stop: ['check', 'remove', 'drain', 'terminate', 'wait'],
  start: ['start', 'health', 'return'],
  restart: ['check', 'remove', 'drain', 'terminate', 'wait', 'start', 'health', 'return'],
};
const results = {
  drain: 'drained',
  ready: 'ready',
  stop: 'exited',
  start: 'started',
  restart: 'exited',
} as const;

export type Line = (line: object) => void;

export interface FakeRun {
  readonly force: boolean;
  /** Of each step, in milliseconds. */
  readonly stepMs: number;
  readonly onLine: Line;
  /** Resolves at once, or when a test lets the step end. */
  readonly gate: (phase: PhaseName) => Promise<void>;
}

/** Plays an operation, step by step, with all that the daemon would tell. */
export async function playOperation(
  service: FakeService,
  kind: OperationKind,
  name: string,
  run: FakeRun,
): Promise<OperationReport> {
  const id = service.history.length + 1;
  const beganAtMs = Date.now();
  const phases: { name: PhaseName; ms: number }[] = [];
  const common = { id, node: name, operation: kind };
  const tell = (event: object): void => {
    service.emit('operation', { ...common, at: new Date().toISOString(), ...event });
    const { type } = event as { type: string };
    // these two are told to those who listen to all; who has asked gets the report
    if (type !== 'began' && type !== 'ended') run.onLine({ node: name, ...event });
  };
  const entry: { -readonly [K in keyof HistoryDetail]: HistoryDetail[K] } = {
    id,
    operation: kind,
    subject: name,
    beganAt: new Date(beganAtMs).toISOString(),
    steps: [],
    proofs: [],
  };
  service.history.unshift(entry);
  service.note(kind, name, 'accepted');
  tell({ type: 'began' });
  const inFlight = service.node(name).inFlight;
  const refusal = run.force ? undefined : refusalOf(service, kind, name);
  for (const phase of plans[kind]) {
    const from = performance.now();
    service.change(name, { operation: { kind, phase, ms: Date.now() - beganAtMs } });
    tell({ type: 'phase', node: name, phase });
    await perform(service, phase, name, run, tell);
    await run.gate(phase);
    const ms = Math.round((performance.now() - from) * 10) / 10;
    phases.push({ name: phase, ms });
    tell({ type: 'phaseEnded', node: name, phase, ms });
    if (refusal !== undefined) break;
  }
  const report: OperationReport = {
    operation: kind,
    node: name,
    result: refusal === undefined ? results[kind] : 'refused',
    phases,
    inFlight: kind === 'ready' || kind === 'start' || refusal !== undefined ? 0 : inFlight,
    answered: kind === 'ready' || kind === 'start' || refusal !== undefined ? 0 : inFlight,
    lost: 0,
    killed: [],
    ms: Date.now() - beganAtMs,
    ...(refusal === undefined ? {} : { reason: refusal, code: 'refused' }),
  };
  entry.report = report;
  entry.proofs = service.edges.map((edge) => ({ edge: edge.name, mode: edge.mode, ms: 31, generation: 4 }));
  const { operation: _, ...rest } = service.node(name);
  service.nodes.set(name, rest);
  service.change(name, {});
  tell({ type: 'ended', report });
  service.note(kind, name, report.result, refusal);
  return report;
}

function refusalOf(service: FakeService, kind: OperationKind, name: string): string | undefined {
  const { allowed, reason } = service.preview(kind, name);
  return allowed === true ? undefined : String(reason);
}

async function perform(
  service: FakeService,
  phase: PhaseName,
  name: string,
  run: FakeRun,
  tell: Line,
): Promise<void> {
  if (phase === 'remove') await remove(service, name, run.stepMs, tell);
  else if (phase === 'drain') await drain(service, name, run, tell);
  else await pause(run.stepMs);
  if (phase === 'wait') service.change(name, { state: 'stopped', inFlight: 0, workers: [] });
  if (phase === 'start' || phase === 'health') service.change(name, { state: 'starting' });
  if (phase === 'return') service.change(name, { state: 'ready', inRotation: true, health: 'up' });
  if (phase === 'return') setOut(service, name, false, true);
}

async function remove(service: FakeService, name: string, stepMs: number, tell: Line): Promise<void> {
  setOut(service, name, true, false);
  service.change(name, { state: 'draining', inRotation: false });
  for (const edge of service.edges) {
    tell({ type: 'edge', node: name, edge: edge.name, state: 'applied', processes: 1 });
  }
  await pause(stepMs);
  for (const edge of service.edges) tell({ type: 'edge', node: name, edge: edge.name, state: 'quiesced' });
  setOut(service, name, true, true);
}

function setOut(service: FakeService, name: string, isOut: boolean, isLoaded: boolean): void {
  for (const edge of service.edges) {
    const without = (list: readonly string[] | undefined): string[] =>
      (list ?? []).filter((each) => each !== name);
    const desired = isOut ? [...without(edge.desired), name] : without(edge.desired);
    const out = isLoaded ? desired : edge.out;
    service.setEdge(edge.name, { desired, ...(out === undefined ? {} : { out }), isConverged: isLoaded });
  }
}

async function drain(service: FakeService, name: string, run: FakeRun, tell: Line): Promise<void> {
  for (let left = service.node(name).inFlight; left > 0; left -= 1) {
    tell({ type: 'inFlight', node: name, count: left });
    service.change(name, { inFlight: left });
    await run.gate('drain');
    await pause(run.stepMs / 4);
  }
  tell({ type: 'inFlight', node: name, count: 0 });
  service.change(name, { inFlight: 0 });
}

/** The fake's own time passes here; nothing of a test waits for it blindly. */
function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
