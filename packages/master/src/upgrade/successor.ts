import { type ChildProcess, spawn } from 'node:child_process';
import type { MasterToSuccessor, Succession, SuccessorToMaster } from '@lameduck/core';
import type { LaunchCommand } from './launch-command.ts';

/** The first descriptor after standard error. */
const listenerFd = 3;

/** What a successor's process tells the master that started it. */
export interface SuccessorListener {
  message(message: SuccessorToMaster): void;
  exited(code: number | null, signal: NodeJS.Signals | null): void;
  /** It could not be started at all. */
  failed(message: string): void;
}

/** The old master's view of the new one. */
export interface Successor {
  /** As it tells itself: a launcher may stand between. */
  readonly pid: number;
  takeOver(): void;
  signal(signal: NodeJS.Signals): void;
  /** Gives up every say in it: it lives on alone. */
  release(): void;
}

/**
 * Starts the same command line once more, as a process of its own session that outlives this one, with the listening
 * socket as descriptor 3. Not `process.execve`: it closes every descriptor above 2, and has no way back.
 */
export function startSuccessor(
  command: LaunchCommand,
  environment: Readonly<Record<string, string>>,
  fd: number,
  succession: Omit<Succession, 'fd'>,
  listener: SuccessorListener,
): Successor {
  const told: Succession = { ...succession, fd: listenerFd };
  const child = spawn(command.file, command.arguments, {
    argv0: command.file,
    cwd: command.directory,
    env: { ...command.environment, ...environment, LAMEDUCK_UPGRADE: JSON.stringify(told) },
    stdio: ['ignore', 'inherit', 'inherit', fd, 'ipc'],
    detached: true,
  });
  let pid = child.pid ?? 0;
  child.on('message', (message) => {
    if (!isSuccessorMessage(message)) return;
    if (message.type === 'masterReady') pid = message.pid;
    listener.message(message);
  });
  child.once('exit', (code, signal) => listener.exited(code, signal));
  child.on('error', (error: NodeJS.ErrnoException) => {
    if (child.pid !== undefined) return;
    listener.failed(`${error.code ?? error.message} for ${command.file} in ${command.directory}`);
    listener.exited(null, null);
  });
  return {
    get pid(): number {
      return pid;
    },
    takeOver: () => sendTo(child, { type: 'takeOver' }),
    signal: (signal) => signalBoth(child, pid, signal),
    release: () => {
      if (child.connected) child.disconnect();
      child.unref();
    },
  };
}

function sendTo(child: ChildProcess, message: MasterToSuccessor): void {
  // One that has just gone is told by its exit, not here.
  if (child.connected) child.send(message, () => undefined);
}

/** The master itself, and the launcher that waits for it where there is one. */
function signalBoth(child: ChildProcess, pid: number, signal: NodeJS.Signals): void {
  child.kill(signal);
  if (pid === child.pid || child.exitCode !== null || child.signalCode !== null) return;
  try {
    process.kill(pid, signal);
  } catch {
    // Gone already.
  }
}

const messageTypes: ReadonlySet<unknown> = new Set<SuccessorToMaster['type']>([
  'masterReady',
  'tookOver',
  'masterFailed',
]);

function isSuccessorMessage(message: unknown): message is SuccessorToMaster {
  return (
    typeof message === 'object' && message !== null && 'type' in message && messageTypes.has(message.type)
  );
}
