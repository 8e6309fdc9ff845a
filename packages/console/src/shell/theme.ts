import { effect, signal } from '@preact/signals';

export type Theme = 'system' | 'light' | 'dark';

const key = 'lameduck-theme';
const dark = matchMedia('(prefers-color-scheme: dark)');

function isTheme(value: string | null): value is Theme {
  return value === 'light' || value === 'dark';
}

const stored = localStorage.getItem(key);

/** What the reader chose; `system` follows the machine. */
export const theme = signal<Theme>(isTheme(stored) ? stored : 'system');
/** What is shown; charts draw with it. */
export const shownTheme = signal<'light' | 'dark'>('light');

export function cycleTheme(): void {
  const next = { system: 'light', light: 'dark', dark: 'system' } as const;
  theme.value = next[theme.value];
}

/** Puts the theme on the page and keeps it there. */
export function applyTheme(): void {
  const isDark = signal(dark.matches);
  dark.addEventListener('change', () => (isDark.value = dark.matches));
  effect(() => {
    const shown = theme.value === 'system' ? (isDark.value ? 'dark' : 'light') : theme.value;
    document.documentElement.dataset['theme'] = shown;
    shownTheme.value = shown;
    localStorage.setItem(key, theme.value);
  });
}
