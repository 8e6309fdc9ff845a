/** Codes of this package, a part of the closed set of `@lameduck/core`. */
export type WorkerErrorCode = 'entryUnusable' | 'usage' | 'addressInUse' | 'startFailed';

/** As `LameduckError` of `@lameduck/core`, which this package cannot load: it has no dependencies. */
export class WorkerError extends Error {
  readonly code: WorkerErrorCode;

  constructor(code: WorkerErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'WorkerError';
    this.code = code;
  }
}

/** One line for a message, whatever was thrown. */
export function describeThrown(thrown: unknown): string {
  const text = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
  return text.split('\n', 1)[0] ?? text;
}
