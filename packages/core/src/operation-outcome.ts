import type { OutReason } from './node-state.ts';
import type { OperationKind, OperationReport } from './report.ts';

/** What is wanted of a node; survives the controller. */
export type Wish = 'ready' | 'drained' | 'stopped';

const wishes: Readonly<Record<OperationKind, Wish>> = {
  drain: 'drained',
  stop: 'stopped',
  ready: 'ready',
  start: 'ready',
  restart: 'ready',
};

/**
 * What is wanted of the node from now on; `undefined` where the operation has changed nothing of that: it was
 * refused, failed before it had touched the node, or failed to take it out of service.
 */
export function wishAfter(report: OperationReport): Wish | undefined {
  if (report.result === 'refused' || hasLeftUntouched(report)) return undefined;
  const wish = wishes[report.operation];
  return report.result === 'failed' && wish !== 'ready' ? undefined : wish;
}

/**
 * Why the node is out of rotation after an operation. A node whose removal failed never left. One that failed later
 * stays out for its health: as soon as its checks have risen it is brought back, so a failed operation strands no
 * node.
 */
export function outAfter(
  report: OperationReport,
  out: readonly OutReason[],
  isRunning: boolean,
): readonly OutReason[] {
  const before = out.filter((reason) => reason !== 'operation');
  if (report.result === 'refused' || hasLeftUntouched(report)) return before;
  if (report.isBack === true) return [];
  const wish = wishAfter(report);
  if (report.result === 'failed') {
    const isDrained = wish === undefined && before.includes('operator');
    return [...(isDrained ? (['operator'] as const) : []), isRunning ? 'health' : 'stopped'];
  }
  if (wish === 'drained') return ['operator'];
  return wish === 'stopped' ? ['stopped'] : [];
}

function hasLeftUntouched({ result, phases }: OperationReport): boolean {
  const last = phases.at(-1)?.name;
  return result === 'failed' && (last === undefined || last === 'check' || last === 'remove');
}
