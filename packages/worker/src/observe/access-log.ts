import { closeSync, openSync, write, writeSync } from 'node:fs';
import { errorFields, logError } from '../log.ts';

/** A line is written at the latest so long after its answer. */
const flushMs = 250;
/** Written at once when so much has gathered. */
const flushLength = 64 * 1024;
/** More than this is not kept where the disk or the reader does not take it: lines are dropped, and that is said. */
const mostLength = 16 * 1024 * 1024;
/** Several workers write to one pipe: up to this size (`PIPE_BUF`) the lines of one write stay together. */
const pipeBytes = 4096;
/** At the end a reader that is slow is waited for so long. */
const lastMs = 1000;

/**
 * Lines to a file or standard output, gathered and written in the background. Files are appended to, whole lines in
 * one write, so that all workers can share one.
 */
export class AccessLog {
  readonly #path: string;
  #fd: number;
  #lines: string[] = [];
  #length = 0;
  #dropped = 0;
  #writing = '';
  #isReopening = false;
  #isFailing = false;
  #timer: NodeJS.Timeout | undefined;
  #whenIdle: (() => void) | undefined;

  /** Throws what `open` throws. */
  constructor(path: string) {
    this.#path = path;
    this.#fd = this.#open();
    // Also at the end of a process that crashes.
    process.once('exit', () => this.flushNow());
  }

  write(line: string): void {
    if (this.#length > mostLength) {
      this.#dropped += 1;
      return;
    }
    this.#lines.push(line);
    this.#length += line.length;
    if (this.#length >= flushLength) this.#flush();
    else this.#timer ??= setTimeout(() => this.#flush(), flushMs).unref();
  }

  /** The file was moved away: what comes from now on goes to a new one of its name. */
  reopen(): void {
    if (this.#path === '-') return;
    if (this.#writing !== '') {
      this.#isReopening = true;
      return;
    }
    this.#isReopening = false;
    // What was answered before belongs to the old file.
    this.flushNow();
    try {
      const fd = this.#open();
      closeSync(this.#fd);
      this.#fd = fd;
    } catch (thrown) {
      // Lines still go to the old file: late is better than lost.
      logError('Cannot open the access log again', errorFields(thrown));
    }
  }

  /** Resolves when every line is written, or cannot be; for the end of the process. */
  async close(): Promise<void> {
    const endsAt = performance.now() + lastMs;
    if (this.#writing !== '') {
      await new Promise<void>((resolve) => {
        this.#whenIdle = resolve;
        setTimeout(resolve, lastMs).unref();
      });
    }
    this.flushNow(endsAt);
  }

  /** Writes what waits before it returns: all but a batch that is being written just now. */
  flushNow(endsAt: number = performance.now() + lastMs): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    let rest = Buffer.from(this.#take());
    while (rest.length > 0) {
      try {
        rest = rest.subarray(writeSync(this.#fd, rest, 0, this.#sizeOf(rest)));
      } catch (thrown) {
        if ((thrown as NodeJS.ErrnoException).code !== 'EAGAIN' || performance.now() > endsAt) return;
      }
    }
  }

  #open(): number {
    return this.#path === '-' ? 1 : openSync(this.#path, 'a', 0o640);
  }

  #take(): string {
    if (this.#lines.length === 0) return '';
    const text = `${this.#lines.join('\n')}\n`;
    this.#lines = [];
    this.#length = 0;
    return text;
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#writing !== '') return;
    this.#sayDropped();
    this.#writing = this.#take();
    if (this.#writing !== '') this.#writeOn(Buffer.from(this.#writing));
  }

  #writeOn(data: Buffer): void {
    write(this.#fd, data, 0, this.#sizeOf(data), null, (error, written) => {
      const rest = data.subarray(written ?? 0);
      const isBusy = error?.code === 'EAGAIN';
      if (!isBusy) this.#say(error);
      const isDone = rest.length === 0 || (error !== null && !isBusy);
      // So that an end in the middle of this writes the rest, and only the rest.
      this.#writing = isDone ? '' : rest.toString();
      if (isBusy) setTimeout(() => this.#writeOn(rest), flushMs).unref();
      else if (!isDone) this.#writeOn(rest);
      else this.#written();
    });
  }

  /** Once, until a write succeeds. */
  #say(error: Error | null): void {
    if (error !== null && !this.#isFailing) logError('Cannot write the access log', errorFields(error));
    this.#isFailing = error !== null;
  }

  #written(): void {
    if (this.#isReopening) this.reopen();
    if (this.#whenIdle !== undefined) {
      // The end has come: it writes the rest itself, at once.
      this.#whenIdle();
      this.#whenIdle = undefined;
      return;
    }
    if (this.#length >= flushLength) this.#flush();
    else if (this.#length > 0) this.#timer ??= setTimeout(() => this.#flush(), flushMs).unref();
  }

  /** Files take all at once; to a pipe as many whole lines as stay together. */
  #sizeOf(data: Buffer): number {
    if (this.#path !== '-' || data.length <= pipeBytes) return data.length;
    const end = data.lastIndexOf(10, pipeBytes - 1);
    return end < 0 ? data.indexOf(10) + 1 : end + 1;
  }

  #sayDropped(): void {
    if (this.#dropped === 0) return;
    logError('Access log lines were dropped', { dropped: this.#dropped });
    this.#dropped = 0;
  }
}
