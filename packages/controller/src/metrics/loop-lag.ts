import { monitorEventLoopDelay } from 'node:perf_hooks';

const resolutionMs = 20;

/** How late the event loop was; measured from the first question on, since a loop that is watched wakes up for it. */
export class LoopLag {
  #histogram: ReturnType<typeof monitorEventLoopDelay> | undefined;

  /** The longest delay in milliseconds since the last question. */
  takeMs(): number {
    if (this.#histogram === undefined) {
      this.#histogram = monitorEventLoopDelay({ resolution: resolutionMs });
      this.#histogram.enable();
      return 0;
    }
    const { count, max } = this.#histogram;
    this.#histogram.reset();
    return count === 0 ? 0 : Math.max(0, max / 1e6 - resolutionMs);
  }

  close(): void {
    this.#histogram?.disable();
  }
}
