import { computed, useSignalEffect } from '@preact/signals';
import type { VNode } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { formatRoute } from '../model/route.ts';
import { link, route, service, verdict } from '../shell/store.ts';
import { Announcer } from './announcer.tsx';
import { AuditPage } from './audit-page.tsx';
import { Banners } from './banners.tsx';
import { Dialogs } from './dialogs.tsx';
import { Header } from './header.tsx';
import { HistoryPage } from './history-page.tsx';
import { LockPage } from './lock-page.tsx';
import { NodePage } from './node-page.tsx';
import { Notices } from './notices.tsx';
import { OperationPage } from './operation-page.tsx';
import { Overview } from './overview.tsx';
import { RolloutPage } from './rollout-page.tsx';

const signs = { unknown: '', calm: '', busy: '◐ ', attention: '△ ', danger: '⬣ ' } as const;
/** The tab says how it is, too. */
const title = computed(
  () => `${signs[verdict.value.level]}${service.value || 'Lameduck'}: ${verdict.value.headline}`,
);
const isLocked = computed(() => link.value.phase === 'locked');

/** The page: a header, one main part chosen by the link, dialogs and messages above it. */
export function App({ onRetry }: { readonly onRetry: () => void }): VNode {
  const main = useRef<HTMLElement>(null);
  const place = formatRoute(route.value);
  const page = route.value.page;
  // Keys scroll what has the focus. Before the paint: whoever sees the new page may already have put it elsewhere.
  useLayoutEffect(() => main.current?.focus(), [page]);
  useSignalEffect(() => {
    document.title = title.value;
  });
  return (
    <>
      <a class="skip" href={place} onClick={(event) => skipTo(event, main.current)}>
        Skip to the content
      </a>
      <Header />
      <Banners onRetry={onRetry} />
      <main key={page} ref={main} tabIndex={-1} class={`page page-${page}`}>
        {isLocked.value ? <LockPage onToken={onRetry} /> : <Page />}
      </main>
      <Dialogs />
      <Notices />
      <Announcer />
    </>
  );
}

function skipTo(event: Event, target: HTMLElement | null): void {
  event.preventDefault();
  target?.focus();
}

function Page(): VNode {
  const place = route.value;
  switch (place.page) {
    case 'node':
      return <NodePage name={place.node} />;
    case 'operation':
      return <OperationPage key={place.id} id={place.id} />;
    case 'rollout':
      return <RolloutPage />;
    case 'history':
      return <HistoryPage search={place.search} />;
    case 'audit':
      return <AuditPage search={place.search} />;
    default:
      return <Overview />;
  }
}
