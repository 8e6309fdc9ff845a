import type { AuditEntry } from '@lameduck/core';
import type { VNode } from 'preact';
import { formatInstant } from '../model/format.ts';
import { matchesAudit } from '../model/history-list.ts';
import { api } from '../shell/api.ts';
import { now, state } from '../shell/store.ts';
import { SearchField } from './search-field.tsx';
import { useList } from './use-list.ts';

/** Who did what, from where, and what came of it. */
export function AuditPage({ search }: { readonly search: string }): VNode {
  const { audit } = state.value;
  const { items, problem } = useList(() => api.audit({ limit: 200, search }), [search, audit[0]?.id]);
  const found = items?.filter((entry) => matchesAudit(entry, search));
  return (
    <section class="paper" aria-labelledby="audit-title">
      <div class="paper-head">
        <h1 id="audit-title">Audit</h1>
        <SearchField page="audit" search={search} label="Search the audit log" />
      </div>
      {problem !== undefined && <p class="reason tone-attention">{problem}</p>}
      {found === undefined && problem === undefined && <p aria-busy="true">Fetching.</p>}
      {found?.length === 0 && (
        <p class="nothing">
          {search === '' ? 'Nobody has done anything yet.' : 'Nobody did anything like that.'}
        </p>
      )}
      {found !== undefined && found.length > 0 && <AuditTable entries={found} />}
    </section>
  );
}

function AuditTable({ entries }: { readonly entries: readonly AuditEntry[] }): VNode {
  return (
    <table class="plain">
      <thead>
        <tr>
          <th scope="col">When</th>
          <th scope="col">Who</th>
          <th scope="col">Did</th>
          <th scope="col">Result</th>
          <th scope="col" class="c-from">
            From
          </th>
        </tr>
      </thead>
      <tbody>
        {entries.map(({ id, at, who, role, from, action, subject, result, reason }) => (
          <tr key={id}>
            <td class="figure soft">{formatInstant(Date.parse(at), now.peek())}</td>
            <td>
              {who} <span class="soft small">{role}</span>
            </td>
            <th scope="row">
              {action} {subject}
            </th>
            <td>
              <span
                class={result === 'refused' || result === 'failed' ? 'tag tag-attention' : 'tag tag-good'}
              >
                {result}
              </span>{' '}
              <span class="soft">{reason}</span>
            </td>
            <td class="soft c-from">{from}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
