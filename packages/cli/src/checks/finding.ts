import type { AttachedNginx } from '@lameduck/controller';
import { type ErrorCode, LameduckError } from '@lameduck/core';

/**
 * One line of `lameduck check`. A warning is what would lose or refuse something, a note is good to know, an error
 * keeps `up` from starting.
 */
export interface Finding {
  readonly level: 'ok' | 'note' | 'warning' | 'error';
  /** `config`, `state`, `api`, `edge NAME` or `node NAME`. */
  readonly subject: string;
  readonly text: string;
  readonly code?: ErrorCode;
  /** Stable name of the rule behind a finding in a file, the place, and what to write instead. */
  readonly rule?: string;
  readonly file?: string;
  readonly line?: number;
  readonly column?: number;
  readonly fix?: string;
  /** Of an attached nginx: what was found out about it. */
  readonly facts?: AttachedNginx;
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
