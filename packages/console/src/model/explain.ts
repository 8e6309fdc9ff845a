import type { OperationKind, OperationReport, Preview } from '@lameduck/core';
import { formatMs, plural } from './format.ts';
import { operationVerbs } from './steps.ts';

/** `2 of 3 stay in rotation; 14 in flight; at most 35 s`. */
export function describePreview(preview: Preview, kind: OperationKind): string {
  const isReturn = kind === 'ready' || kind === 'start';
  const rotation = isReturn
    ? `${preview.staysInRotation} of ${preview.of} will be in rotation`
    : `${preview.staysInRotation} of ${preview.of} ${preview.staysInRotation === 1 ? 'stays' : 'stay'} in rotation`;
  const inFlight = isReturn ? [] : [`${preview.inFlight} in flight`];
  return [rotation, ...inFlight, `at most ${formatMs(preview.atMostMs)}`].join('; ');
}

/** What the operation will do, in a sentence. */
export const operationPromises: Readonly<Record<OperationKind, string>> = {
  drain: 'Every edge stops sending to it; what is in flight finishes; it goes on running.',
  ready: 'As soon as its checks pass, every edge sends to it again.',
  stop: 'Every edge stops sending to it, what is in flight finishes, then it gets SIGTERM and exits.',
  start: 'It is started, and put into rotation as soon as its checks pass.',
  restart:
    'It leaves rotation, finishes what is in flight, exits, starts anew and comes back when its checks pass.',
};

/** The guard's refusal in plain words. */
export function explainRefusal(
  node: string,
  kind: OperationKind,
  facts: Pick<Preview, 'staysInRotation' | 'of'> | undefined,
): string {
  const verb = operationVerbs[kind].toLowerCase();
  if (facts === undefined) {
    return `The guard does not let you ${verb} ${node} now: too few healthy nodes would stay in rotation.`;
  }
  const left =
    facts.staysInRotation === 0
      ? 'nobody would be left to answer'
      : `only ${facts.staysInRotation} of ${plural(facts.of, 'node')} would be left to answer`;
  return `The guard does not let you ${verb} ${node} now: ${left}. Bring another node back first.`;
}

/** What became of a new version that did not hold, in two words; nothing where there was none. */
export function describeRollBack({ rolledBack }: Pick<OperationReport, 'rolledBack'>): string | undefined {
  if (rolledBack === undefined) return undefined;
  return rolledBack ? 'rolled back' : 'not rolled back';
}

const unanswered = 'The daemon did not answer. Whether it began, the page shows as soon as it is back.';

const known: Readonly<Record<string, string>> = {
  busy: 'Another operation holds this node. Wait for its end, then try again.',
  noSuchNode: 'The daemon knows no node of this name any more. It was probably renamed or removed.',
  edgeRejected: 'nginx did not accept the change. It was rolled back, and nothing was signalled.',
  edgeUnproven: 'An edge could not prove that it sends nothing there any more. It was rolled back.',
  startFailed: 'The process did not start, or did not become healthy in time. Its log says why.',
  deadlinePassed: 'It took longer than its deadline.',
  storeFailed: 'The daemon cannot write its store, so it begins nothing new.',
  unauthorized: 'The daemon wants a token, or refuses the one that this page has.',
  forbidden: 'Your token may look, not act. Ask for one with the role “operator”.',
  tooMany: 'The daemon has too much to do just now. Try again in a moment.',
  apiMismatch: 'This page and the daemon are of different versions. Reload the page.',
  unreachable: unanswered,
  wentAway: unanswered,
};

/** An error of the API for people; the daemon's own words come with it. */
export function explainError(code: string, message: string): string {
  return known[code] ?? message;
}
