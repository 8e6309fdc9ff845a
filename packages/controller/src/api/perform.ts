import { createHash } from 'node:crypto';
import { LameduckError, type OperationLine, type OperationReport, type RolloutReport } from '@lameduck/core';
import type { OnProgress } from '../run-operation.ts';
import type { AuditLog } from '../store/audit-log.ts';
import { Idempotency } from './idempotency.ts';
import { LineLog } from './line-log.ts';
import type { Act, Asked } from './route.ts';

const keyPattern = /^[\x21-\x7e]{1,200}$/;

/** Something that was begun over the API. */
interface Work {
  readonly type: string;
  readonly log: LineLog;
  /** Resolves at the first sign of life; rejects where nothing was begun. */
  readonly begun: Promise<void>;
}

type Run = (onProgress: OnProgress) => Promise<OperationReport | RolloutReport>;
interface Ended {
  readonly result: string;
  readonly reason?: string | undefined;
}

/** Does what changes something: audited, and once for each idempotency key. */
export class Performer {
  readonly #audit: AuditLog;
  readonly #kept: Idempotency<Work>;

  constructor(audit: AuditLog, now: () => number) {
    this.#audit = audit;
    this.#kept = new Idempotency(now);
  }

  /**
   * Answers with JSON lines: progress, then one line with the report. The status line waits for the first sign of life, so
   * that a refusal is an HTTP error; what fails later is the last line. It goes on when its client goes away.
   */
  stream(asked: Asked, act: Act, run: Run): Promise<Response> {
    return this.#begin(asked, 'application/x-ndjson', (log) => this.#streamInto(log, asked, act, run));
  }

  /** Answers with one JSON document. */
  once(asked: Asked, act: Act, run: () => Promise<unknown>): Promise<Response> {
    return this.#begin(asked, 'application/json', async (log) => {
      try {
        const wrapped = async (): Promise<Ended & { document: unknown }> => ({
          result: 'done',
          document: await run(),
        });
        const { document } = await this.#audited(asked, act, () => false, wrapped);
        log.append(JSON.stringify(document), false);
      } finally {
        log.end();
      }
    });
  }

  /** Notes what was not even begun. */
  async refuse({ caller }: Pick<Asked, 'caller'>, act: Act, reason: string): Promise<void> {
    await this.#audit.add({ ...caller, ...act, result: 'refused', reason });
  }

  /** Begins the work, or finds it where this request has begun it before. */
  async #begin(asked: Asked, type: string, work: (log: LineLog) => Promise<void>): Promise<Response> {
    const key = keyOf(asked);
    if (key === undefined) {
      const log = new LineLog();
      return answer(asked, { type, log, begun: work(log) });
    }
    const print = fingerprint(asked);
    const known = this.#kept.find(key, print);
    if (known !== undefined) return answer(asked, known);
    const log = new LineLog();
    const made = { type, log, begun: work(log) };
    this.#kept.keep(key, print, made);
    made.begun.catch(() => this.#kept.forget(key));
    return answer(asked, made);
  }

  async #streamInto(log: LineLog, asked: Asked, act: Act, run: Run): Promise<void> {
    const begun = Promise.withResolvers<void>();
    let hasBegun = false;
    const write = (line: OperationLine): void => {
      hasBegun = true;
      log.append(`${JSON.stringify(line)}\n`, line.type === 'inFlight');
      begun.resolve();
    };
    const hasBegunYet = (): boolean => hasBegun;
    const ended = this.#audited(asked, act, hasBegunYet, () => run(write));
    ended
      .then((report) => write({ type: 'report', report }))
      .catch((thrown: unknown) => {
        const { code, message } = LameduckError.from(thrown);
        if (hasBegun) write({ type: 'error', error: { code, message } });
      })
      .finally(() => log.end());
    await Promise.race([begun.promise, ended]);
  }

  async #audited<T extends Ended>(
    { caller }: Pick<Asked, 'caller'>,
    act: Act,
    hasBegun: () => boolean,
    run: () => Promise<T>,
  ): Promise<T> {
    const entry = await this.#audit.add({ ...caller, ...act, result: 'accepted' });
    try {
      const ended = await run();
      void this.#audit.end(entry, ended.result, ended.reason);
      return ended;
    } catch (thrown) {
      const { message } = LameduckError.from(thrown);
      void this.#audit.end(entry, hasBegun() ? 'failed' : 'refused', message);
      throw thrown;
    }
  }
}

async function answer({ context }: Asked, { type, log, begun }: Work): Promise<Response> {
  await begun;
  return context.body(log.stream(), 200, { 'content-type': type });
}

/** Keys of one caller are no keys of another. Throws `usage`. */
function keyOf({ context, caller }: Asked): string | undefined {
  const key = context.req.header('idempotency-key');
  if (key === undefined) return undefined;
  if (keyPattern.test(key)) return `${caller.who} ${key}`;
  throw new LameduckError(
    'usage',
    'Cannot read the Idempotency-Key: 1 to 200 visible ASCII characters are wanted',
    { isMalformed: true },
  );
}

function fingerprint({ context, bodyText }: Asked): string {
  const text = [context.req.method, context.req.path, bodyText].join('\n');
  return createHash('sha256').update(text).digest('hex');
}
