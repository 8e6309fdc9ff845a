import type { OperationKind, PhaseName } from '@lameduck/core';

/** What each step does, in words of an operator. */
export const stepNames: Readonly<Record<PhaseName, string>> = {
  check: 'Check health and the guard',
  remove: 'Take out of rotation',
  drain: 'Wait for requests in flight',
  terminate: 'SIGTERM to the master',
  wait: 'Wait for the node to end',
  kill: 'Kill what is left',
  deploy: 'Bring the new version (beforeStart)',
  rollBack: 'Bring the old version back (rollBack)',
  start: 'Start',
  health: 'Wait until healthy',
  return: 'Put into rotation',
};

/** The same in one word, for a bar of steps. */
export const stepWords: Readonly<Record<PhaseName, string>> = {
  check: 'check',
  remove: 'remove',
  drain: 'drain',
  terminate: 'signal',
  wait: 'wait',
  kill: 'kill',
  deploy: 'deploy',
  rollBack: 'roll back',
  start: 'start',
  health: 'health',
  return: 'return',
};

/** What is being waited for while the step runs. */
export const stepWaits: Readonly<Record<PhaseName, string>> = {
  check: 'the guard’s answer, and its turn where others leave too',
  remove: 'each edge’s proof that it cannot pick the node any more',
  drain: 'the requests that the edges still have under way to it',
  terminate: 'the signal to reach the master',
  wait: 'the master and its workers to finish and exit',
  kill: 'the processes that outlived their deadline to be gone',
  deploy: 'the hook that brings the new version',
  rollBack: 'the hook that brings the old version back',
  start: 'the new process to answer',
  health: 'its checks to pass, several times in a row',
  return: 'each edge to send to it again',
};

const leaving: readonly PhaseName[] = ['check', 'remove', 'drain', 'terminate', 'wait', 'kill'];
const returning: readonly PhaseName[] = ['health', 'return'];

const plans: Readonly<Record<OperationKind, readonly PhaseName[]>> = {
  drain: ['check', 'remove', 'drain'],
  ready: returning,
  stop: leaving,
  start: ['start', ...returning],
  restart: [...leaving, 'start', ...returning],
};

/** The steps that an operation goes through, in order; `kill` is mostly left out. */
export function plannedSteps(kind: OperationKind): readonly PhaseName[] {
  return plans[kind] ?? [];
}

export const operationVerbs: Readonly<Record<OperationKind, string>> = {
  drain: 'Drain',
  ready: 'Put back',
  stop: 'Stop',
  start: 'Start',
  restart: 'Restart',
};
