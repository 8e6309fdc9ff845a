import { type Criterion, formatMs, formatShare } from '@lameduck/core';
import type { Screen } from './screen.ts';

const marks: Readonly<Record<Criterion['verdict'], readonly [string, Parameters<Screen['paint']>[0]]>> = {
  passed: ['✔', 'green'],
  failed: ['✖', 'red'],
  pending: ['…', 'yellow'],
  skipped: ['–', 'gray'],
};

/** One criterion with what was seen and what is allowed: `✔ errors 0.3% (at most 1%)`. */
function formatCriterion(criterion: Criterion, screen: Screen): string {
  const [mark, colour] = marks[criterion.verdict];
  return `${screen.paint(colour, mark)} ${words(criterion)}`;
}

/** All of them, a line each; what cannot be measured for one reason is one line. */
export function formatCriteria(criteria: readonly Criterion[], screen: Screen): readonly string[] {
  const isFirst = ({ verdict, reason }: Criterion, index: number): boolean =>
    verdict !== 'skipped' || criteria.findIndex((other) => other.reason === reason) === index;
  return criteria.filter(isFirst).map((criterion) => {
    const alike = criteria.filter(({ reason }) => reason !== undefined && reason === criterion.reason);
    if (criterion.verdict !== 'skipped' || alike.length < 2) return formatCriterion(criterion, screen);
    const names = alike.map(({ name }) => titles[name]).join(', ');
    return `${screen.paint('gray', '–')} ${names}: ${criterion.reason ?? ''}`;
  });
}

const titles = { health: 'health', requests: 'requests', errorRate: 'errors', p99: 'p99' } as const;

function words({ name, verdict, value, limit, reason }: Criterion): string {
  const why = reason === undefined ? '' : `: ${reason}`;
  switch (name) {
    case 'health':
      return verdict === 'failed' ? `not healthy${why}` : 'healthy';
    case 'requests':
      return value === undefined ? `requests${why}` : `requests ${value} (at least ${limit ?? 0})`;
    case 'errorRate':
      if (value === undefined) return `errors${why}`;
      return `errors ${formatShare(value)} (at most ${formatShare(limit ?? 0)})`;
    case 'p99':
      if (value === undefined) return `p99${why}`;
      return `p99 ${formatMs(value)}${limit === undefined ? '' : ` (at most ${formatMs(limit)})`}${why}`;
  }
}
