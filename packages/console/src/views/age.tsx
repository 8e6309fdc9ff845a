import type { VNode } from 'preact';
import { formatAge, formatShortAge } from '../model/format.ts';
import { now } from '../shell/store.ts';

/** How long ago something was; counts on by itself without drawing anything around it again. */
export function Age({ sinceMs, isShort }: { readonly sinceMs: number; readonly isShort?: boolean }): VNode {
  const text = (isShort ? formatShortAge : formatAge)(now.value - sinceMs);
  return <>{text}</>;
}
