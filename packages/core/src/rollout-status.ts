import type { RolloutStatus } from './api-rollout.ts';
import type { RolloutState } from './rollout-state.ts';
import { canariesOf } from './rollout-state.ts';

/** What only the shell knows of a rollout. */
export interface RolloutFacts {
  readonly id: number;
  readonly beganAt: string;
  readonly soakEndsAt?: string;
  readonly by?: string;
  /** Nodes that are out on purpose now: if they still are when it is their turn, they are skipped. */
  readonly takenOut: readonly string[];
}

/** The rollout as the API shows it. */
export function rolloutStatus(state: RolloutState, facts: RolloutFacts): RolloutStatus {
  const { plan, phase, judgement } = state;
  const takenOut = phase === 'done' ? [] : state.pending.filter((node) => facts.takenOut.includes(node));
  const skipped = [...state.skipped, ...takenOut];
  const reason = state.trouble?.reason ?? (state.isPaused ? state.pauseReason : undefined);
  return {
    id: facts.id,
    state: stateWord(state),
    batch: plan.batch,
    ...(plan.canary === 0 ? {} : { canary: plan.canary, canaryNodes: canariesOf(state) }),
    pending: state.pending.filter((node) => !takenOut.includes(node)),
    running: state.running,
    ...(skipped.length === 0 ? {} : { skipped }),
    done: state.reports.map(({ node }) => node),
    ...(plan.soakMs === 0 ? {} : { soakMs: plan.soakMs }),
    ...(phase === 'soaking' && facts.soakEndsAt !== undefined ? { soakEndsAt: facts.soakEndsAt } : {}),
    ...(judgement === undefined ? {} : { criteria: judgement.criteria }),
    ...(reason === undefined ? {} : { reason }),
    ...(facts.by === undefined ? {} : { by: facts.by }),
    beganAt: facts.beganAt,
  };
}

function stateWord(state: RolloutState): RolloutStatus['state'] {
  if (state.phase === 'done') return state.trouble === undefined ? 'done' : 'aborted';
  if (state.trouble !== undefined) return 'aborting';
  if (state.isPaused) return 'paused';
  return state.phase === 'soaking' ? 'soaking' : 'running';
}
