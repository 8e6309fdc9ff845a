import type { Criterion } from '@lameduck/core';
import type { VNode } from 'preact';
import { describeCriterion } from '../model/criteria.ts';

const marks: Readonly<Record<Criterion['verdict'], readonly [mark: string, heard: string]>> = {
  passed: ['✔', 'good'],
  failed: ['✖', 'failed'],
  pending: ['…', 'not sure yet'],
  skipped: ['–', 'not measured'],
};

/** What is seen of the canary while it soaks, and what was seen of it afterwards. */
export function Criteria({ criteria }: { readonly criteria: readonly Criterion[] }): VNode {
  return (
    <ul class="criteria" aria-label="What the canary must hold">
      {criteria.map((criterion) => (
        <li key={criterion.name} data-criterion={criterion.name} data-verdict={criterion.verdict}>
          <b aria-hidden="true">{marks[criterion.verdict][0]}</b>
          <span class="figure">{describeCriterion(criterion)}</span>
          <span class="heard-only"> {marks[criterion.verdict][1]}</span>
        </li>
      ))}
    </ul>
  );
}
