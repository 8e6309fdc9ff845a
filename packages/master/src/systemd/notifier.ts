import { spawn } from 'node:child_process';
import { LameduckError } from '@lameduck/core';
import type { Logger } from 'pino';

/** Where the supervisor listens, and who tells it. */
export interface NotifierOptions {
  readonly socket: string;
  readonly logger: Logger;
  /** From Debian's package systemd; 6 ms for each message. */
  readonly program?: string;
}

/** systemd-notify itself waits 5 s for the supervisor to have read. */
const programMs = 6000;

/**
 * Tells the supervisor, one message after the other. Node has no datagram sockets of the unix family, so each message
 * is one run of `systemd-notify`; it returns when the supervisor has read the message.
 */
export class Notifier {
  readonly #options: NotifierOptions;
  #last: Promise<void> = Promise.resolve();
  #queued = 0;
  #hasFailed = false;

  constructor(options: NotifierOptions) {
    this.#options = options;
  }

  /** Messages that are not told yet. */
  get queued(): number {
    return this.#queued;
  }

  /** Resolves when the supervisor has read it; rejects with `startFailed`. Failures are logged, once in a row. */
  send(assignments: readonly string[]): Promise<void> {
    this.#queued++;
    const sent = this.#last.then(() => this.#run(assignments));
    this.#last = sent.then(
      () => this.#settle(undefined),
      (error: Error) => this.#settle(error),
    );
    return sent;
  }

  /** Resolves when all that was sent is told, or could not be. */
  flush(): Promise<void> {
    return this.#last;
  }

  #settle(error: Error | undefined): void {
    this.#queued--;
    if (error !== undefined && !this.#hasFailed)
      this.#options.logger.error({ reason: error.message }, 'supervisor not told');
    this.#hasFailed = error !== undefined;
  }

  #run(assignments: readonly string[]): Promise<void> {
    const { socket, program = 'systemd-notify' } = this.#options;
    return new Promise((resolve, reject) => {
      const child = spawn(program, [...assignments], {
        env: { PATH: process.env.PATH, NOTIFY_SOCKET: socket },
        stdio: ['ignore', 'ignore', 'pipe'],
        timeout: programMs,
        killSignal: 'SIGKILL',
      });
      let said = '';
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        said = (said + text).slice(0, 500);
      });
      child.once('error', (error: NodeJS.ErrnoException) =>
        reject(
          failure(
            error.code === 'ENOENT' ? `no program ${program} in PATH (package systemd)` : error.message,
          ),
        ),
      );
      child.once('close', (code, signal) => {
        if (code === 0) resolve();
        else reject(failure(said.trim() || `${program} ended with ${signal ?? code}`));
      });
    });
  }
}

function failure(got: string): LameduckError {
  return new LameduckError(
    'startFailed',
    `Cannot tell the supervisor over NOTIFY_SOCKET: a message that it reads was wanted: current value is ${got}`,
  );
}
