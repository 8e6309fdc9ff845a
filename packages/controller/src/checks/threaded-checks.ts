import { extname } from 'node:path';
import { performance } from 'node:perf_hooks';
import { Worker } from 'node:worker_threads';
import type { CheckCommand, CheckTarget, HealthChecks, HealthNews } from '../ports/health-checks.ts';
import type { ThreadNews, ThreadRequest, ThreadSetup } from './thread-messages.ts';

// Beside this file, compiled or not.
const program: URL = new URL(`./check-thread${extname(import.meta.url)}`, import.meta.url);

export interface ThreadedChecksOptions {
  /** Share of the interval by which checks are spread; only measurements need another one than the default. */
  readonly jitter?: number;
  /** Told when the thread has ended although nobody asked for it; a new one has taken over. */
  readonly onCrash: (reason: string) => void;
}

/**
 * Checks in a thread of its own, so that thousands of them never make the caller's loop late. A thread that ends
 * unasked is replaced: every target begins anew there, as after `forget`.
 */
export function createThreadedChecks(options: ThreadedChecksOptions): HealthChecks {
  return new ThreadedChecks(options);
}

class ThreadedChecks implements HealthChecks {
  readonly #options: ThreadedChecksOptions;
  readonly #followed = new Map<number, CheckCommand>();
  #targets: readonly CheckTarget[] = [];
  #onNews: (news: readonly HealthNews[]) => void = () => undefined;
  #thread: Worker | undefined;
  #outgoing: [number, CheckCommand][] = [];
  #isClosed = false;

  constructor(options: ThreadedChecksOptions) {
    this.#options = options;
  }

  open(targets: readonly CheckTarget[], onNews: (news: readonly HealthNews[]) => void): void {
    this.#targets = targets;
    this.#onNews = onNews;
    this.#startThread();
  }

  tell(target: number, command: CheckCommand): void {
    if (command.type === 'follow') this.#followed.set(target, command);
    if (this.#outgoing.length === 0) queueMicrotask(() => this.#send());
    this.#outgoing.push([target, command]);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#thread?.terminate();
  }

  #startThread(): void {
    const setup: ThreadSetup = {
      targets: this.#targets,
      timeOrigin: performance.timeOrigin,
      ...(this.#options.jitter === undefined ? {} : { jitter: this.#options.jitter }),
    };
    const thread = new Worker(program, { workerData: setup });
    thread.on('message', (news: ThreadNews) => this.#onNews(news));
    thread.once('error', (error: Error) => this.#replace(thread, error.message));
    thread.once('exit', (code) => this.#replace(thread, `exit code ${code}`));
    this.#thread = thread;
  }

  #send(): void {
    const request: ThreadRequest = this.#outgoing;
    this.#outgoing = [];
    this.#thread?.postMessage(request);
  }

  #replace(thread: Worker, reason: string): void {
    if (this.#isClosed || thread !== this.#thread) return;
    this.#startThread();
    for (const [target, command] of this.#followed) this.tell(target, command);
    this.#options.onCrash(reason);
  }
}
