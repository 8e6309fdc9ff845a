import { formatMs, type RolloutStatus } from '@lameduck/core';
import { formatCriteria } from './criteria-view.ts';
import type { Screen } from './screen.ts';

const colours: Readonly<Record<RolloutStatus['state'], Parameters<Screen['paint']>[0]>> = {
  running: 'cyan',
  soaking: 'cyan',
  paused: 'yellow',
  aborting: 'red',
  done: 'green',
  aborted: 'red',
};

/** `rollout  soaking, 18 s left  1 of 4 nodes done  batch 1` and why, in one line. */
export function formatRolloutHead(status: RolloutStatus, now: number, screen: Screen): string {
  const { state, done, pending, running, batch, reason } = status;
  const all = new Set([...done, ...running, ...pending]).size;
  const word = screen.paint(colours[state], state);
  const left = state === 'soaking' || state === 'paused' ? soakLeft(status, now) : '';
  const why = reason === undefined ? '' : `  ${reason}`;
  return `${screen.paint('bold', 'rollout')}  ${word}${left}  ${done.length} of ${all} nodes done  batch ${batch}${why}`;
}

/** The time that is left to soak, `''` where none is. */
export function soakLeft({ soakEndsAt }: RolloutStatus, now: number): string {
  const left = soakEndsAt === undefined ? 0 : Date.parse(soakEndsAt) - now;
  return left <= 0 ? '' : `, ${formatMs(Math.ceil(left / 1000) * 1000).replace('.0', '')} left`;
}

/** The whole status for `lameduck rollout status`. */
export function formatRollout(status: RolloutStatus, now: number, screen: Screen): string {
  const row = (title: string, nodes: readonly string[] = []): readonly string[] =>
    nodes.length === 0 ? [] : [`  ${title.padEnd(8)} ${nodes.join(', ')}`];
  const since = formatMs(now - Date.parse(status.beganAt));
  const by = status.by === undefined ? '' : ` by ${status.by}`;
  return [
    formatRolloutHead(status, now, screen),
    `  ${'began'.padEnd(8)} ${since} ago${by}`,
    ...row('canary', status.canaryNodes),
    ...row('done', status.done),
    ...row('running', status.running),
    ...row('pending', status.pending),
    ...row('left out', status.skipped),
    ...formatCriteria(status.criteria ?? [], screen).map((line) => `  ${line}`),
  ].join('\n');
}
