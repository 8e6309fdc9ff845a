import type { Criterion } from '@lameduck/core';
import { formatCount, formatMs } from './format.ts';

const titles: Readonly<Record<Criterion['name'], string>> = {
  health: 'health',
  requests: 'requests',
  errorRate: 'errors',
  p99: 'p99',
};

/** What was seen of a canary and what is allowed: `errors 0.3 % (at most 1 %)`. */
export function describeCriterion({ name, verdict, value, limit, reason }: Criterion): string {
  const why = reason === undefined ? '' : `: ${reason}`;
  if (name === 'health') return verdict === 'failed' ? `not healthy${why}` : 'healthy';
  if (value === undefined) return `${titles[name]}${why}`;
  const bound = name === 'requests' ? 'at least' : 'at most';
  const allowed = limit === undefined ? '' : ` (${bound} ${figure(name, limit)})`;
  return `${titles[name]} ${figure(name, value)}${allowed}${why}`;
}

function figure(name: Criterion['name'], value: number): string {
  if (name === 'requests') return formatCount(value);
  return name === 'p99' ? formatMs(value) : `${Math.round(value * 10_000) / 100} %`;
}
