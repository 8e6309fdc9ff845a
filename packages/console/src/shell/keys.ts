import type { OperationKind } from '@lameduck/core';
import { signal } from '@preact/signals';
import { intent } from './intent.ts';
import { route } from './store.ts';
import { cycleTheme } from './theme.ts';

/** The node that the keyboard is on. */
export const selected = signal<string | undefined>(undefined);
/** What the list of nodes does for the keyboard; set while it is on the page. */
export const listKeys: { move: ((by: number) => void) | undefined } = { move: undefined };

/** Every shortcut, as the dialog shows it. */
export const shortcuts: readonly (readonly [keys: string, what: string])[] = [
  ['/', 'search'],
  ['j k', 'next, previous node'],
  ['Enter', 'open the node'],
  ['d', 'drain it'],
  ['y', 'put it back (ready)'],
  ['r', 'restart it'],
  ['x', 'stop it'],
  ['s', 'start it'],
  ['o', 'roll out over all nodes'],
  ['p', 'pause or resume the service'],
  ['g o', 'go to the overview'],
  ['g h', 'go to the history'],
  ['g a', 'go to the audit log'],
  ['g r', 'go to the rollout'],
  ['m', 'light, dark, as the system has it'],
  ['?', 'this list'],
  ['Esc', 'close, go back'],
];

const operationKeys: Readonly<Record<string, OperationKind>> = {
  d: 'drain',
  y: 'ready',
  r: 'restart',
  x: 'stop',
  s: 'start',
};
const pages: Readonly<Record<string, string>> = { o: '#/', h: '#/history', a: '#/audit', r: '#/rollout' };
/** Time for the second key of `g …`. */
const chordMs = 1200;

/** Listens for the shortcuts. They never act by themselves: what acts opens a dialog that asks. */
export function listenForKeys(askHold: () => void): void {
  let chordUntilMs = 0;
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (document.querySelector('dialog[open]') !== null) return;
    const isChord = Date.now() < chordUntilMs;
    chordUntilMs = event.key === 'g' ? Date.now() + chordMs : 0;
    const page = isChord ? pages[event.key] : undefined;
    if (page !== undefined) location.hash = page;
    else if (!handleKey(event.key, askHold)) return;
    event.preventDefault();
  });
}

function handleKey(key: string, askHold: () => void): boolean {
  const kind = operationKeys[key];
  if (kind !== undefined) return askOperation(kind);
  switch (key) {
    case '/':
      document.querySelector<HTMLInputElement>('input[type=search]')?.focus();
      return true;
    case 'j':
    case 'k':
      listKeys.move?.(key === 'j' ? 1 : -1);
      return listKeys.move !== undefined;
    case 'o':
      intent.value = { type: 'rollout' };
      return true;
    case 'p':
      askHold();
      return true;
    case 'm':
      cycleTheme();
      return true;
    case '?':
      intent.value = { type: 'shortcuts' };
      return true;
    case 'Escape':
      if (route.value.page === 'overview') return false;
      location.hash = '#/';
      return true;
    default:
      return false;
  }
}

function askOperation(kind: OperationKind): boolean {
  const node = route.value.page === 'node' ? route.value.node : selected.value;
  if (node === undefined) return false;
  intent.value = { type: 'operation', kind, node };
  return true;
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.matches('input, textarea, select, [contenteditable]');
}
