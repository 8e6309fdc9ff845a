import type { VNode } from 'preact';
import { intent } from '../shell/intent.ts';
import { link, route, service } from '../shell/store.ts';
import { cycleTheme, theme } from '../shell/theme.ts';
import { Duck } from './marks.tsx';

const pages = [
  ['#/', 'Overview', ['overview', 'node']],
  ['#/rollout', 'Rollout', ['rollout']],
  ['#/history', 'History', ['history', 'operation']],
  ['#/audit', 'Audit', ['audit']],
] as const satisfies readonly (readonly [string, string, readonly string[]])[];

export function Header(): VNode {
  const { page } = route.value;
  return (
    <header class="bar">
      <a
        class="brand"
        href="#/"
        aria-label={`Lameduck, service ${service.value || 'unknown'}: to the overview`}
      >
        <Duck />
        <span class="brand-name">{service.value || 'lameduck'}</span>
      </a>
      <nav aria-label="Pages">
        {pages.map(([href, name, of]) => (
          <a
            key={href}
            href={href}
            aria-current={(of as readonly string[]).includes(page) ? 'page' : undefined}
          >
            {name}
          </a>
        ))}
      </nav>
      <div class="bar-end">
        <LinkState />
        <button
          type="button"
          class="quiet"
          onClick={cycleTheme}
          aria-label={`Colours: ${theme.value}. Change`}
        >
          <span aria-hidden="true">{{ system: '◐', light: '○', dark: '●' }[theme.value]}</span>
          <span class="wide">{theme.value}</span>
        </button>
        <button
          type="button"
          class="quiet"
          aria-label="Keyboard shortcuts"
          onClick={() => {
            intent.value = { type: 'shortcuts' };
          }}
        >
          <kbd>?</kbd>
        </button>
      </div>
    </header>
  );
}

function LinkState(): VNode {
  const { value: now } = link;
  const { phase } = now;
  const isViewer = now.phase === 'live' && now.isViewer === true;
  const words = { connecting: 'connecting', live: 'live', lost: 'disconnected', locked: 'locked' } as const;
  return (
    <span class={`link link-${phase}`} data-link={phase}>
      <i aria-hidden="true" />
      {words[phase]}
      {isViewer && ', may look only'}
    </span>
  );
}
