import type { NodeState } from './api.ts';
import type { HealthVerdict } from './health.ts';
import type { PhaseName } from './report.ts';

/** Why a node is kept out of rotation; it is in rotation when there is no reason left. */
export type OutReason = 'operation' | 'operator' | 'health' | 'stopped';

export interface NodeFacts {
  readonly isRunning: boolean;
  readonly phase: PhaseName | undefined;
  readonly out: readonly OutReason[];
  readonly verdict: HealthVerdict;
  readonly inFlight: number;
  /** It was sent SIGTERM by somebody else, and waits for its turn to leave. */
  readonly isLeaving: boolean;
}

const comingBack: readonly PhaseName[] = ['deploy', 'rollBack', 'start', 'health', 'return'];

/** The one word for a node that `status` shows. */
export function nodeState(facts: NodeFacts): NodeState {
  if (facts.phase !== undefined && comingBack.includes(facts.phase)) return 'starting';
  if (facts.phase !== undefined && facts.phase !== 'check') return 'draining';
  if (!facts.isRunning) return 'stopped';
  if (facts.isLeaving) return 'draining';
  if (facts.out.includes('operator')) return facts.inFlight > 0 ? 'draining' : 'drained';
  if (facts.verdict === 'down') return 'unhealthy';
  return facts.out.length > 0 ? 'starting' : 'ready';
}
