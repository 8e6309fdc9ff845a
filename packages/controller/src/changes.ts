/** What the controller decides on has changed: health, a lock, a process. */
export class Changes {
  readonly #onChange: () => void;
  readonly #waiting = new Set<() => void>();

  /** `onChange` hears of each change first. */
  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  readonly notify = (): void => {
    this.#onChange();
    for (const wake of this.#waiting) wake();
  };

  /** Resolves at the next change; rejects when the signal aborts. */
  async next(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const abort = (): void => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    this.#waiting.add(resolve);
    try {
      await promise;
    } finally {
      this.#waiting.delete(resolve);
      signal.removeEventListener('abort', abort);
    }
  }
}
