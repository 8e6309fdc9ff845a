import { type ErrorCode, LameduckError } from '@lameduck/core';

/** One line of `lameduck check`. A warning is what would lose or refuse something; an error keeps `up` from starting. */
export interface Finding {
  readonly level: 'ok' | 'warning' | 'error';
  /** `config`, `edge NAME` or `node NAME`. */
  readonly subject: string;
  readonly text: string;
  readonly code?: ErrorCode;
}

export function ok(subject: string, text: string): Finding {
  return { level: 'ok', subject, text };
}

export function warning(subject: string, text: string): Finding {
  return { level: 'warning', subject, text };
}

/** What a trial threw, as a finding. */
export function failed(subject: string, thrown: unknown): Finding {
  const { code, message } = LameduckError.from(thrown);
  return { level: 'error', subject, text: message, code };
}
