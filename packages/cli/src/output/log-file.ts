import { closeSync, openSync, writeSync } from 'node:fs';

/** Lines that a full disk did not take are kept for its next try, up to so much. */
const mostPending = 1024 * 1024;

/** A file that lines are appended to at once. Whoever logs never fails for it, and never waits. */
export class LogFile {
  readonly #path: string;
  #fd: number;
  #pending: Buffer = Buffer.alloc(0);

  /** Throws what `open` throws. */
  constructor(path: string) {
    this.#path = path;
    this.#fd = openSync(path, 'a');
  }

  write(line: string): void {
    if (this.#pending.length < mostPending) this.#pending = Buffer.concat([this.#pending, Buffer.from(line)]);
    try {
      while (this.#pending.length > 0)
        this.#pending = this.#pending.subarray(writeSync(this.#fd, this.#pending));
    } catch {
      // What could not be written cannot be told here either; the next line tries again.
    }
  }

  /** The file was moved away: what comes from now on goes to a new one of its name, where that can be made. */
  reopen(): void {
    try {
      const fd = openSync(this.#path, 'a');
      closeSync(this.#fd);
      this.#fd = fd;
    } catch {
      // Lines still go to the old file: late is better than lost.
    }
  }
}
