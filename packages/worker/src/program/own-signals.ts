import { constants } from 'node:os';
import { terminateAll } from '../signals.ts';

/** Time for a listener that does not say when it is done to end the process, as most do. */
const exitMs = 1000;

type Listener = (signal: NodeJS.Signals, number: number) => unknown;
type Emit = (event: string | symbol, ...args: unknown[]) => boolean;

const drains: ReadonlySet<string | symbol> = new Set(['SIGTERM', 'SIGINT', 'SIGQUIT']);

/**
 * A program's own listeners for SIGTERM, SIGINT and SIGQUIT would close its server or end the process under the
 * requests that are being answered. They are held back, and run when nothing is left to answer.
 */
export class OwnSignals {
  readonly #ours = new Set<unknown>();

  /** Before the first listener of a signal is installed: Node binds signals to the `process.emit` of that moment. */
  constructor() {
    const emit = process.emit as Emit;
    const held: Emit = (event, ...args) => {
      if (!drains.has(event)) return emit.call(process, event, ...args);
      for (const one of process.listeners(event as 'SIGTERM'))
        if (this.#ours.has(one))
          (one as Listener).call(process, event as NodeJS.Signals, Number(args.at(-1)));
      return true;
    };
    process.emit = held as typeof process.emit;
  }

  /** What listens now is ours. */
  adopt(): void {
    for (const signal of drains)
      for (const one of process.listeners(signal as 'SIGTERM')) this.#ours.add(one);
  }

  /** Runs the program's listeners of SIGTERM, else those of SIGINT; resolves when they are done. */
  async run(): Promise<void> {
    const name = (['SIGTERM', 'SIGINT'] as const).find((signal) => this.#own(signal).length > 0);
    if (name === undefined) return;
    const results = this.#own(name).map((one) => one.call(process, name, constants.signals[name]));
    await Promise.all(results);
    const isToldByPromise = results.every((result) => result instanceof Promise);
    if (!isToldByPromise) await new Promise((resolve) => setTimeout(resolve, exitMs));
  }

  #own(signal: 'SIGTERM' | 'SIGINT'): readonly Listener[] {
    return process.listeners(signal).filter((one) => !this.#ours.has(one)) as Listener[];
  }
}

/** Closing a served server is leaving: nothing that is being answered is cut, and the callback runs at the end. */
export function softenClose(server: {
  close: unknown;
  once: (event: 'close', run: () => void) => unknown;
}): void {
  let isClosed = false;
  server.once('close', () => {
    isClosed = true;
  });
  server.close = (callback?: () => void): unknown => {
    if (callback !== undefined) {
      if (isClosed) process.nextTick(callback);
      else server.once('close', callback);
    }
    if (!isClosed) terminateAll();
    return server;
  };
}
