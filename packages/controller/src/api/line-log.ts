/** So many lines are kept; further ones of progress are left out. */
const mostKept = 1_000;

/** Lines that are written once and read by any number of clients, each from the first one on. */
export class LineLog {
  readonly #lines: string[] = [];
  readonly #waiting = new Set<() => void>();
  #isEnded = false;

  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** `isProgress`: may be left out where there are too many. */
  append(line: string, isProgress: boolean): void {
    if (isProgress && this.#lines.length >= mostKept) return;
    this.#lines.push(line);
    this.#wake();
  }

  end(): void {
    this.#isEnded = true;
    this.#wake();
  }

  /** A reader that goes away stops nothing. */
  stream(): ReadableStream<Uint8Array> {
    const encoder = new TextEncoder();
    let place = 0;
    let wake = (): void => undefined;
    return new ReadableStream({
      pull: async (controller) => {
        if (place >= this.#lines.length && !this.#isEnded) {
          const { promise, resolve } = Promise.withResolvers<void>();
          wake = resolve;
          this.#waiting.add(wake);
          await promise;
        }
        if (place < this.#lines.length) {
          controller.enqueue(encoder.encode(this.#lines.slice(place).join('')));
          place = this.#lines.length;
        }
        if (this.#isEnded && place >= this.#lines.length) controller.close();
      },
      cancel: () => {
        this.#waiting.delete(wake);
        wake();
      },
    });
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }
}
