import type { OperationKind } from '@lameduck/core';
import { signal } from '@preact/signals';
import { explainError } from '../model/explain.ts';
import { ApiError } from './api.ts';

/** The dialog that is open. One at a time. */
export type Intent =
  | { readonly type: 'operation'; readonly kind: OperationKind; readonly node: string }
  | { readonly type: 'rollout' }
  | { readonly type: 'abortRollout' }
  | { readonly type: 'hold'; readonly command: 'pause' | 'resume' }
  | { readonly type: 'shortcuts' };

export const intent = signal<Intent | undefined>(undefined);

/** A short message that goes away by itself; errors stay until they are closed. */
export interface Notice {
  readonly id: number;
  readonly tone: 'good' | 'danger';
  readonly text: string;
  readonly detail: string | undefined;
  readonly href: string | undefined;
}

export const notices = signal<readonly Notice[]>([]);
const goodNoticeMs = 8000;
let lastNotice = 0;

export function notify(
  tone: Notice['tone'],
  text: string,
  more: { readonly detail?: string; readonly href?: string } = {},
): void {
  lastNotice += 1;
  const id = lastNotice;
  notices.value = [...notices.value, { id, tone, text, detail: more.detail, href: more.href }].slice(-4);
  if (tone === 'good') setTimeout(() => dismiss(id), goodNoticeMs);
}

export function notifyError(what: string, thrown: unknown): void {
  const { code, message } = ApiError.from(thrown);
  const detail = explainError(code, message);
  notify('danger', what, { detail: detail === message ? detail : `${detail} (${message})` });
}

export function dismiss(id: number): void {
  notices.value = notices.value.filter((notice) => notice.id !== id);
}
