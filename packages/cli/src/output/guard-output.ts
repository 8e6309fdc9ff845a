import { writeSync } from 'node:fs';

/** As for every other failure of a command. */
const failed = 1;

let isOptional = false;

/**
 * A reader that goes (`lameduck status | head -1`) is no failure: what it would have read is dropped, and the exit code
 * says what the command did. Where standard output cannot be written for another reason, a full disk, that is told once,
 * and the command has failed. Standard error only accompanies: nothing that becomes of it matters. Call it once, at the start.
 */
export function guardOutput(): void {
  process.stderr.on('error', () => undefined);
  let isTold = false;
  process.stdout.on('error', ({ code }: NodeJS.ErrnoException) => {
    if (code === 'EPIPE' || isTold || isOptional) return;
    isTold = true;
    say(`lameduck: Cannot write to standard output: ${code}\n`);
    process.once('exit', (soFar) => {
      if (soFar === 0) process.exitCode = failed;
    });
  });
}

/** For what serves until it is stopped: nobody need read it, and it ends as if somebody had. */
export function serveUnread(): void {
  isOptional = true;
}

/** At once: the process may be about to end. */
function say(message: string): void {
  try {
    writeSync(process.stderr.fd, message);
  } catch {
    // There is nowhere else to tell it.
  }
}
