import type { VNode } from 'preact';
import { formatRoute } from '../model/route.ts';
import { route } from '../shell/store.ts';

/** The search of a list; it stands in the link, so that a found list can be sent around. */
export function SearchField({
  page,
  search,
  label,
}: {
  readonly page: 'history' | 'audit';
  readonly search: string;
  readonly label: string;
}): VNode {
  return (
    <search aria-label={label}>
      <input
        type="search"
        aria-label={label}
        placeholder="Search  /"
        value={search}
        onInput={(event) => {
          const next = { page, search: event.currentTarget.value } as const;
          // no entry in the browser's history for each letter
          history.replaceState(null, '', formatRoute(next));
          route.value = next;
        }}
      />
    </search>
  );
}
