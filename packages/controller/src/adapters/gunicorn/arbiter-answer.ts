import { LameduckError } from '@lameduck/core';

/** What Gunicorn's arbiter knows of a worker: it has never shown a sign of life, shows them in time, or does not. */
export type WorkerSign = 'booting' | 'alive' | 'hung';

/** What a Gunicorn of 25.1 or later tells of itself. */
export interface ArbiterAnswer {
  readonly pid: number;
  /** Workers that it wants now. */
  readonly target: number;
  /** Workers that it has started since its own start. */
  readonly spawned: number;
  readonly reloads: number;
  readonly workers: ReadonlyMap<number, WorkerSign>;
}

/** What must be asked for it, in this order. */
export const arbiterQuestions = ['show stats', 'show workers', 'show config'] as const;

/**
 * Worker classes show their sign of life at least after each half of Gunicorn's `timeout`, Uvicorn's up to a second
 * later; only then has a worker's loop stood still, for at least the rest of this.
 */
const lateMs = 3_000;

type Fields = Readonly<Record<string, unknown>>;

/** Reads the answers to `arbiterQuestions`. Throws `internal` where they are not Gunicorn's. */
export function readArbiterAnswer(path: string, [stats, workers, config]: readonly unknown[]): ArbiterAnswer {
  const count = (fields: Fields, name: string): number => {
    const value = fields[name];
    if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
    throw unreadable(path, `${name} must be a whole number`, value);
  };
  const told = fieldsOf(path, 'show stats', stats);
  const listed = fieldsOf(path, 'show workers', workers)['workers'];
  if (!Array.isArray(listed)) throw unreadable(path, 'workers must be a list', listed);
  const timeoutMs = timeoutOf(fieldsOf(path, 'show config', config));
  return {
    pid: count(told, 'pid'),
    target: count(told, 'workers_target'),
    spawned: count(told, 'workers_spawned'),
    reloads: count(told, 'reloads'),
    workers: new Map(
      listed.map((one) => {
        const worker = fieldsOf(path, 'a worker', one);
        return [count(worker, 'pid'), signOf(worker, timeoutMs)];
      }),
    ),
  };
}

/**
 * By the heartbeat. Not by `booted`: that is set in the worker's process, and the arbiter answers from its own copy, in
 * which it is false for ever. A worker that has not yet shown a sign of life has a file of the wall clock's time, which
 * Gunicorn compares with a monotonic one: a heartbeat far in the future, so a negative one, tells that it boots.
 */
function signOf({ aborted, last_heartbeat: beat }: Fields, timeoutMs: number | undefined): WorkerSign {
  if (aborted === true) return 'hung';
  if (typeof beat !== 'number') return 'alive';
  if (beat < -1) return 'booting';
  return timeoutMs !== undefined && beat * 1000 > timeoutMs / 2 + lateMs ? 'hung' : 'alive';
}

/** 0 is Gunicorn's word for no timeout. */
function timeoutOf({ timeout }: Fields): number | undefined {
  return typeof timeout === 'number' && timeout > 0 ? timeout * 1000 : undefined;
}

function fieldsOf(path: string, what: string, value: unknown): Fields {
  if (typeof value === 'object' && value !== null) return value as Fields;
  throw unreadable(path, `${what} must be answered with an object`, value);
}

function unreadable(path: string, wanted: string, got: unknown): LameduckError {
  const text = (JSON.stringify(got) ?? 'nothing').slice(0, 100);
  const message = `Cannot read the answer of Gunicorn on "${path}": ${wanted}: current value is ${text}`;
  return new LameduckError('internal', message, { path });
}
