import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import type { Readable } from 'node:stream';

/** Descriptor on which the shell tells the pid of what it has started. */
export const toldFd = 5;

/**
 * Starts its arguments, tells their pid, and ends as they do. Descriptors 3 (socket) and 4 (channel) are theirs alone. For
 * `sh -c`; the word after it is `$0`.
 */
export const goBetweenArguments: readonly string[] = [
  '-c',
  `"$@" ${toldFd}>&- & echo $! >&${toldFd}; exec 3>&- 4>&- ${toldFd}>&-; wait $!`,
  'sh',
];

/** How a process ended. */
export interface End {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** It could not be started at all: the reason. */
  readonly failure?: string;
}

/**
 * A shell between an old master and the new one, for as long as the new one must not be a child of the supervisor yet.
 * systemd does not wait for a main process that is not its own child: a stop of an upgraded service would kill it at once
 * (252 and 254, KillMode=process and mixed). Whose child it is counts in the moment of MAINPID=, so the shell goes just before.
 */
export class GoBetween {
  readonly #shell: ChildProcess;
  readonly #told: Promise<number>;
  #isGone = false;

  constructor(shell: ChildProcess) {
    this.#shell = shell;
    this.#told = readPid((shell.stdio as readonly unknown[])[toldFd] as Readable | null | undefined);
  }

  /** Resolves with the pid of the new master; 0 where there is none. */
  get pid(): Promise<number> {
    return this.#told;
  }

  /** It went on demand: its end says nothing about the new master, that of the channel does. */
  get isGone(): boolean {
    return this.#isGone;
  }

  /** Ends the shell; when this resolves, the kernel has given its child to the supervisor. */
  async leave(): Promise<void> {
    if (this.#isGone || this.#shell.exitCode !== null || this.#shell.signalCode !== null) return;
    this.#isGone = true;
    const exited = once(this.#shell, 'exit');
    this.#shell.kill('SIGKILL');
    await exited;
  }
}

/** What the end of the shell says about its child. */
export function endBehind(code: number | null, signal: NodeJS.Signals | null): End {
  if (code === 126) return { code, signal, failure: 'EACCES' };
  if (code === 127) return { code, signal, failure: 'ENOENT' };
  const killedBy = Object.entries(constants.signals).find(([, number]) => number === (code ?? 0) - 128)?.[0];
  return killedBy === undefined ? { code, signal } : { code: null, signal: killedBy as NodeJS.Signals };
}

async function readPid(stream: Readable | null | undefined): Promise<number> {
  let said = '';
  try {
    for await (const chunk of stream ?? []) said += String(chunk);
  } catch {
    // It could not be started.
  }
  return Number(said) || 0;
}
