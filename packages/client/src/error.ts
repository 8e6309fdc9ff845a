/** What went wrong: the code of the API (`refused`, `forbidden`, …), or one of the client's own. */
export class ApiError extends Error {
  /**
   * Of the API, or: `unreachable`, `wentAway` (in the middle of an answer), `apiMismatch` (older or newer than this
   * client), `notTheApi` (something else answered).
   */
  readonly code: string;
  readonly status: number | undefined;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(
    code: string,
    message: string,
    status?: number,
    details: Readonly<Record<string, unknown>> = {},
    cause?: unknown,
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'ApiError';
    this.code = code;
    this.status = status;
    this.details = details;
  }

  /** What was thrown, whatever it is. */
  static from(thrown: unknown): ApiError {
    if (thrown instanceof ApiError) return thrown;
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    return new ApiError('unreachable', message, undefined, {}, thrown);
  }
}

/** The connection broke, or the answer ended before its end. */
export function wentAway(cause?: unknown): ApiError {
  const message = 'Cannot go on: the controller went away in the middle of its answer';
  return new ApiError('wentAway', message, undefined, {}, cause);
}
