import type { DeploySpec, ResumePhase } from './operation-state.ts';
import type { OperationKind, OperationReport, PhaseName } from './report.ts';

/*
 * What becomes of an operation whose controller ended in it:
 *
 *   check, remove, drain        nothing was signalled: reverted, the node serves as before
 *     … of a node that leaves by itself: it goes in any case, resumed in `wait`
 *   terminate                   the signal may have been sent: a node that still answers its checks was not
 *                               signalled (resumed in `terminate`), any other one was (resumed in `wait`)
 *   wait, kill                  the process must end, however well it looks: resumed there
 *   deploy, rollBack            resumed in `rollBack`: the old version comes back
 *   start, health, return       resumed in `start`, which adopts a process that runs already
 *
 * Invariants (property tests): a process that was or may have been signalled never serves again and is never signalled
 * again; an operation in which nothing was signalled changes nothing.
 */

/** What the store knows of an operation that is under way. */
export interface InterruptedOperation {
  readonly kind: OperationKind;
  readonly node: string;
  /** Noted before the phase touched anything. */
  readonly phase: PhaseName;
  readonly cause?: 'node';
  /** What it runs between end and start, where it changes the version. */
  readonly hook?: DeploySpec['hook'];
  /** The hook that brings the old version back has run. */
  readonly isRolledBack?: true;
}

/** The node's main process as it is found, compared with the one that the operation was about. */
export interface ProcessFacts {
  readonly process: 'same' | 'another' | 'none';
  /** Its checks pass. */
  readonly isServing: boolean;
}

export type Settlement = { readonly type: 'revert' } | { readonly type: 'resume'; readonly at: ResumePhase };

/** Whether an interrupted operation goes on, and where. */
export function settlementOf(operation: InterruptedOperation, facts: ProcessFacts): Settlement {
  switch (operation.phase) {
    case 'check':
    case 'remove':
    case 'drain':
      return operation.cause === 'node' ? leave(facts) : { type: 'revert' };
    case 'terminate':
    case 'wait':
    case 'kill':
      return { type: 'resume', at: ending(operation.kind, operation.phase, facts) };
    // how far the hook of a dead controller came is not known: what it brought is taken back
    case 'deploy':
    case 'rollBack':
      return { type: 'resume', at: 'rollBack' };
    case 'start':
    case 'health':
    case 'return':
      return { type: 'resume', at: 'start' };
  }
}

function leave({ process }: ProcessFacts): Settlement {
  return { type: 'resume', at: process === 'another' ? 'start' : 'wait' };
}

function ending(
  kind: OperationKind,
  phase: 'terminate' | 'wait' | 'kill',
  { process, isServing }: ProcessFacts,
): ResumePhase {
  // somebody has started it again: a restart has what it wants, a stop has a process that it never signalled
  if (process === 'another') return kind === 'restart' ? 'start' : 'terminate';
  if (process === 'none') return 'wait';
  return phase === 'terminate' && !isServing ? 'wait' : phase;
}

/** The report of an interrupted operation: nobody was there to whom its success could be told, so it has failed. */
export function interruptedReport(
  { kind, node, phase, cause }: InterruptedOperation,
  settled: 'resumed' | 'reverted',
  resumed?: OperationReport,
): OperationReport {
  const outcome = resumed?.result === 'failed' ? `: ${resumed.reason ?? 'failed'}` : '';
  return {
    ...(resumed ?? { phases: [], inFlight: 0, answered: 0, lost: 0, killed: [], ms: 0 }),
    operation: kind,
    node,
    result: 'failed',
    ...(cause === undefined ? {} : { cause }),
    reason: `the controller ended in phase ${phase}; ${settled}${outcome}`,
    code: resumed?.code ?? 'notRunning',
    interrupted: { phase, settled },
  };
}
