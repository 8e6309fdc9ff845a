import type { VNode } from 'preact';
import { explainError } from '../model/explain.ts';
import { formatAge } from '../model/format.ts';
import { compareVersions } from '../model/version-skew.ts';
import { isLoaded, link, now, state } from '../shell/store.ts';

/** What is true of the page itself: that it sees nothing, or that it is of another version. */
export function Banners({ onRetry }: { readonly onRetry: () => void }): VNode {
  return (
    <>
      <LostBanner onRetry={onRetry} />
      <SkewBanner />
    </>
  );
}

function LostBanner({ onRetry }: { readonly onRetry: () => void }): VNode | null {
  const { value: lost } = link;
  if (lost.phase !== 'lost') return null;
  const inMs = Math.max(0, lost.retryAtMs - now.value);
  const what = isLoaded.value
    ? `What you see is ${formatAge(now.value - lost.sinceMs)} old. Your nodes go on without the daemon.`
    : 'Nothing is known yet.';
  return (
    <section class="banner tone-danger" aria-label="Connection">
      <p>
        <strong>
          {lost.code === 'apiMismatch' ? explainError(lost.code, '') : 'The daemon does not answer.'}
        </strong>{' '}
        {what}
      </p>
      <button type="button" onClick={onRetry}>
        Try now <span class="figure">({Math.ceil(inMs / 1000)} s)</span>
      </button>
    </section>
  );
}

function SkewBanner(): VNode | null {
  const { version, unreadable } = state.value;
  const skew = compareVersions(version, __CONSOLE_VERSION__);
  if (!isLoaded.value || skew === 'same' || (skew === 'unknown' && unreadable === 0)) return null;
  const texts = {
    newer: `The daemon is now ${version}, this page is ${__CONSOLE_VERSION__}. It goes on, but may not show all.`,
    older: `The daemon is ${version}, older than this page (${__CONSOLE_VERSION__}). What it does not tell is left out.`,
    unknown: 'The daemon tells things that this page does not know. It is probably newer.',
  } as const;
  return (
    <section class="banner tone-attention" aria-label="Version">
      <p>{texts[skew]}</p>
      <button type="button" onClick={() => location.reload()}>
        Reload the page
      </button>
    </section>
  );
}
