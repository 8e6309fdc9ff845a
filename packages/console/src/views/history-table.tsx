import type { HistoryEntry } from '@lameduck/core';
import type { VNode } from 'preact';
import { formatInstant, formatMs } from '../model/format.ts';
import { outcomeOf } from '../model/history-list.ts';
import { formatRoute } from '../model/route.ts';
import { now } from '../shell/store.ts';

/** Operations, latest first; each leads to its report. */
export function HistoryTable({ entries }: { readonly entries: readonly HistoryEntry[] }): VNode {
  return (
    <table class="plain">
      <thead>
        <tr>
          <th scope="col">When</th>
          <th scope="col">What</th>
          <th scope="col">Ended</th>
          <th scope="col" class="c-took">
            Took
          </th>
          <th scope="col">In detail</th>
        </tr>
      </thead>
      <tbody>
        {entries.map((entry) => (
          <Entry key={entry.id} entry={entry} />
        ))}
      </tbody>
    </table>
  );
}

function Entry({ entry }: { readonly entry: HistoryEntry }): VNode {
  const { word, tone, detail } = outcomeOf(entry);
  const title = `${entry.operation} ${entry.operation === 'rollout' ? '' : entry.subject}`;
  return (
    <tr>
      <td class="figure soft">{formatInstant(Date.parse(entry.beganAt), now.peek())}</td>
      <th scope="row">
        {entry.operation === 'rollout' ? (
          title
        ) : (
          <a href={formatRoute({ page: 'operation', id: String(entry.id) })}>{title}</a>
        )}
      </th>
      <td>
        <span class={`tag tag-${tone}`}>{word}</span>
      </td>
      <td class="figure c-took">{entry.report === undefined ? '' : formatMs(entry.report.ms)}</td>
      <td class="soft">{detail}</td>
    </tr>
  );
}
