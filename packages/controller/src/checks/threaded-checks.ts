import { extname } from 'node:path';
import { performance } from 'node:perf_hooks';
import { Worker } from 'node:worker_threads';
import { systemClock } from '../adapters/system/clock.ts';
import type { Clock } from '../ports/clock.ts';
import type {
  CheckCommand,
  CheckCounts,
  CheckTarget,
  HealthChecks,
  HealthNews,
} from '../ports/health-checks.ts';
import { addCounts, CheckTally } from './check-counts.ts';
import type { ThreadNews, ThreadRequest, ThreadSetup } from './thread-messages.ts';

// Beside this file, compiled or not.
const program: URL = new URL(`./check-thread${extname(import.meta.url)}`, import.meta.url);

/** Back-off between threads that keep ending: 100 ms × 2ⁿ, at most 30 s. */
const firstDelayMs = 100;
const longestDelayMs = 30_000;
/** A thread that has lived this long was well: the next end counts as the first again. */
const wellAfterMs = 60_000;

/** What the thread has to say what it counted. */
const countsTimeoutMs = 500;

export interface ThreadedChecksOptions {
  /** Share of the interval by which checks are spread; only measurements need another one than the default. */
  readonly jitter?: number;
  /** Of the back-off; the system's where none is given. */
  readonly clock?: Clock;
  /** Told when the thread has ended although nobody asked for it; a new one takes over after the delay. */
  readonly onCrash: (reason: string, delayMs: number) => void;
}

/**
 * Checks in a thread of its own, so that thousands of them never make the caller's loop late. A thread that ends
 * unasked is replaced: every target begins anew there, as after `forget`, and is hastened where it was.
 */
export function createThreadedChecks(options: ThreadedChecksOptions): HealthChecks {
  return new ThreadedChecks(options);
}

type Follow = Extract<CheckCommand, { readonly type: 'follow' }>;

class ThreadedChecks implements HealthChecks {
  readonly #options: ThreadedChecksOptions;
  readonly #clock: Clock;
  readonly #followed = new Map<number, Follow>();
  readonly #hastened = new Set<number>();
  #targets: readonly CheckTarget[] = [];
  #onNews: (news: readonly HealthNews[]) => void = () => undefined;
  #thread: Worker | undefined;
  #startedAt = 0;
  #crashes = 0;
  #cancelStart: () => void = () => undefined;
  #outgoing: (readonly [number, CheckCommand])[] = [];
  #isClosed = false;
  /** Of the threads that have ended, as far as it was asked for. */
  #former: CheckCounts = new CheckTally(0);
  #counted: CheckCounts = new CheckTally(0);
  #asking: PromiseWithResolvers<void> | undefined;

  constructor(options: ThreadedChecksOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  open(targets: readonly CheckTarget[], onNews: (news: readonly HealthNews[]) => void): void {
    this.#targets = targets;
    this.#onNews = onNews;
    this.#former = new CheckTally(targets.length);
    this.#counted = new CheckTally(targets.length);
    this.#start();
  }

  tell(target: number, command: CheckCommand): void {
    this.#remember(target, command);
    // the next thread is told everything at its start
    if (this.#thread === undefined) return;
    if (this.#outgoing.length === 0) queueMicrotask(() => this.#send());
    this.#outgoing.push([target, command]);
  }

  /** As of the last answer where the thread gives none in time. */
  async counts(): Promise<CheckCounts> {
    if (this.#thread !== undefined && this.#asking === undefined) {
      this.#asking = Promise.withResolvers<void>();
      this.#thread.postMessage('counts' satisfies ThreadRequest);
    }
    const late = Promise.withResolvers<void>();
    const cancel = this.#clock.schedule(countsTimeoutMs, late.resolve);
    await Promise.race([this.#asking?.promise, late.promise]);
    cancel();
    return addCounts(this.#former, this.#counted);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#answered();
    this.#cancelStart();
    await this.#thread?.terminate();
  }

  /** What another thread would have to be told. A `fail` is of the health that ends with the thread. */
  #remember(target: number, command: CheckCommand): void {
    const { type } = command;
    if (type === 'follow') this.#followed.set(target, command);
    else if (type === 'forget') {
      const isRunning = this.#followed.get(target)?.isRunning ?? false;
      this.#followed.set(target, { type: 'follow', version: command.version, isRunning });
    } else if (type === 'hasten') this.#hastened.add(target);
    else if (type === 'relax') this.#hastened.delete(target);
  }

  #start(): void {
    this.#startedAt = this.#clock.now();
    try {
      this.#thread = this.#createThread();
    } catch (error) {
      this.#replaceLater(error instanceof Error ? error.message : String(error));
      return;
    }
    this.#outgoing = [
      ...this.#followed,
      ...[...this.#hastened].map((target) => [target, { type: 'hasten' }] as const),
    ];
    this.#send();
  }

  /** Throws where the system has no room for one more thread. */
  #createThread(): Worker {
    const setup: ThreadSetup = {
      targets: this.#targets,
      timeOrigin: performance.timeOrigin,
      ...(this.#options.jitter === undefined ? {} : { jitter: this.#options.jitter }),
    };
    const thread = new Worker(program, { workerData: setup });
    thread.on('message', (news: ThreadNews) => {
      if (thread === this.#thread) this.#receive(news);
    });
    thread.once('error', (error: Error) => this.#ended(thread, error.message));
    thread.once('exit', (code) => this.#ended(thread, `exit code ${code}`));
    return thread;
  }

  #receive(news: ThreadNews): void {
    if ('passed' in news) {
      this.#counted = news;
      this.#answered();
    } else this.#onNews(news);
  }

  #answered(): void {
    this.#asking?.resolve();
    this.#asking = undefined;
  }

  #send(): void {
    const request: Exclude<ThreadRequest, 'counts'> = this.#outgoing;
    this.#outgoing = [];
    if (request.length > 0) this.#thread?.postMessage(request);
  }

  #ended(thread: Worker, reason: string): void {
    if (this.#isClosed || thread !== this.#thread) return;
    this.#thread = undefined;
    this.#former = addCounts(this.#former, this.#counted);
    this.#counted = new CheckTally(this.#targets.length);
    this.#answered();
    this.#replaceLater(reason);
  }

  #replaceLater(reason: string): void {
    if (this.#clock.now() - this.#startedAt > wellAfterMs) this.#crashes = 0;
    const delayMs = Math.min(longestDelayMs, firstDelayMs * 2 ** this.#crashes);
    this.#crashes += 1;
    this.#cancelStart = this.#clock.schedule(delayMs, () => this.#start());
    this.#options.onCrash(reason, delayMs);
  }
}
