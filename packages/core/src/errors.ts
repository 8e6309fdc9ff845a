/** What can go wrong, as a closed set. The code is public API: users match on it, never on the message. */
export type ErrorCode =
  | 'aborted'
  | 'addressInUse'
  | 'alreadyRunning'
  | 'apiMismatch'
  | 'binaryMissing'
  | 'busy'
  | 'canaryFailed'
  | 'config'
  | 'conflict'
  | 'deadlinePassed'
  | 'edgeRejected'
  | 'edgeUnproven'
  | 'entryUnusable'
  | 'hookFailed'
  | 'forbidden'
  | 'internal'
  | 'noSuchNode'
  | 'notRunning'
  | 'pidFile'
  | 'refused'
  | 'reloadFailed'
  | 'startFailed'
  | 'storeFailed'
  | 'tooLarge'
  | 'tooMany'
  | 'unauthorized'
  | 'upgradeFailed'
  | 'usage';

/** JSON-safe facts that go with an error. */
export type ErrorDetails = Readonly<Record<string, unknown>>;

/**
 * The one error class of the product. The message has the form `Cannot <action> "<value>": <wanted>:
 * current value is <got>`; `details` hold the same facts for machines.
 */
export class LameduckError extends Error {
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'LameduckError';
    this.code = code;
    this.details = details;
  }

  /** Whatever was thrown, as a LameduckError; a foreign error becomes `internal` with its cause kept. */
  static from(thrown: unknown): LameduckError {
    if (thrown instanceof LameduckError) return thrown;
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    return new LameduckError('internal', message, {}, thrown);
  }
}

/** Exit codes of every command (documented in `lameduck --help` and docs/restart.md). */
export const exitCodes: Readonly<Record<ErrorCode, number>> = {
  aborted: 1,
  addressInUse: 1,
  alreadyRunning: 1,
  apiMismatch: 1,
  binaryMissing: 1,
  busy: 1,
  canaryFailed: 1,
  config: 78,
  conflict: 1,
  deadlinePassed: 5,
  edgeRejected: 7,
  edgeUnproven: 7,
  entryUnusable: 3,
  hookFailed: 1,
  forbidden: 1,
  internal: 1,
  noSuchNode: 4,
  notRunning: 3,
  pidFile: 1,
  refused: 6,
  reloadFailed: 1,
  startFailed: 1,
  storeFailed: 1,
  tooLarge: 1,
  tooMany: 1,
  unauthorized: 1,
  upgradeFailed: 1,
  usage: 2,
};

/** HTTP status of each error on the control API. */
export const httpStatuses: Readonly<Record<ErrorCode, number>> = {
  aborted: 409,
  addressInUse: 409,
  alreadyRunning: 409,
  apiMismatch: 400,
  binaryMissing: 500,
  busy: 409,
  canaryFailed: 502,
  config: 422,
  conflict: 409,
  deadlinePassed: 504,
  edgeRejected: 502,
  edgeUnproven: 504,
  entryUnusable: 422,
  hookFailed: 502,
  forbidden: 403,
  internal: 500,
  noSuchNode: 404,
  notRunning: 409,
  pidFile: 422,
  refused: 409,
  reloadFailed: 502,
  startFailed: 502,
  storeFailed: 503,
  tooLarge: 413,
  tooMany: 429,
  unauthorized: 401,
  upgradeFailed: 502,
  usage: 400,
};

/** Closes a `switch` over a union: a forgotten member is a compile error. */
export function assertNever(value: never): never {
  throw new LameduckError('internal', `Cannot handle "${JSON.stringify(value)}": a known variant was wanted`);
}
