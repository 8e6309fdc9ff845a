import type { VNode } from 'preact';
import { useState } from 'preact/hooks';
import { matchesHistory } from '../model/history-list.ts';
import { api } from '../shell/api.ts';
import { state } from '../shell/store.ts';
import { HistoryTable } from './history-table.tsx';
import { SearchField } from './search-field.tsx';
import { useList } from './use-list.ts';

const pageSize = 100;

/** Every operation that was made, searchable. */
export function HistoryPage({ search }: { readonly search: string }): VNode {
  const [limit, setLimit] = useState(pageSize);
  const ended = [...state.value.operations.values()].filter(({ report }) => report !== undefined).length;
  const { items, problem } = useList(() => api.history({ limit, search }), [limit, search, ended]);
  // a daemon of an older version does not search
  const found = items?.filter((entry) => matchesHistory(entry, search));
  return (
    <section class="paper" aria-labelledby="history-title">
      <div class="paper-head">
        <h1 id="history-title">History</h1>
        <SearchField page="history" search={search} label="Search the history" />
      </div>
      {problem !== undefined && <p class="reason tone-attention">{problem}</p>}
      {found === undefined && problem === undefined && <p aria-busy="true">Fetching.</p>}
      {found?.length === 0 && (
        <p class="nothing">{search === '' ? 'Nothing was done yet.' : 'Nothing like that was done.'}</p>
      )}
      {found !== undefined && found.length > 0 && <HistoryTable entries={found} />}
      {items !== undefined && items.length >= limit && limit < 1000 && (
        <p class="page-actions">
          <button type="button" onClick={() => setLimit(Math.min(1000, limit + 200))}>
            Show more
          </button>
        </p>
      )}
    </section>
  );
}
