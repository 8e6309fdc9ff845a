import { type ChildProcess, spawn } from 'node:child_process';
import type { MasterToSuccessor, Succession, SuccessorToMaster } from '@lameduck/core';
import { endBehind, GoBetween, goBetweenArguments } from './go-between.ts';
import type { LaunchCommand } from './launch-command.ts';

/** The first descriptor after standard error. */
const listenerFd = 3;

/** What a successor's process tells the master that started it. */
export interface SuccessorListener {
  message(message: SuccessorToMaster): void;
  /** Both `null` where only its end is known. */
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
  /** Resolves when it is a child of the supervisor, where there is one. */
  orphan(): Promise<void>;
  /** Gives up every say in it: it lives on alone. */
  release(): void;
}

/** What a successor is started with. */
export interface SuccessorPlan {
  readonly command: LaunchCommand;
  /** Added to that of the command. */
  readonly environment: Readonly<Record<string, string>>;
  /** The listening socket. */
  readonly fd: number;
  readonly succession: Omit<Succession, 'fd'>;
  /** A supervisor counts on a main process of its own. */
  readonly isSupervised: boolean;
}

/**
 * Starts the same command line once more, as a process of its own session that outlives this one, with the listening
 * socket as descriptor 3. Not `process.execve`: it closes every descriptor above 2, and has no way back.
 */
export function startSuccessor(plan: SuccessorPlan, listener: SuccessorListener): Successor {
  const { command, isSupervised } = plan;
  const child = spawnSuccessor(plan);
  const goBetween = isSupervised ? new GoBetween(child) : undefined;
  let pid = child.pid ?? 0;
  let isReleased = false;
  void goBetween?.pid.then((told) => {
    if (told !== 0 && pid === child.pid) pid = told;
  });
  child.on('message', (message) => {
    if (!isSuccessorMessage(message)) return;
    if (message.type === 'masterReady') pid = message.pid;
    listener.message(message);
  });
  const where = `for ${command.file} in ${command.directory}`;
  child.once('exit', (code, signal) => {
    if (goBetween?.isGone === true) return;
    const end = goBetween === undefined ? { code, signal } : endBehind(code, signal);
    if (end.failure !== undefined) listener.failed(`${end.failure} ${where}`);
    listener.exited(end.code, end.signal);
  });
  child.once('disconnect', () => {
    if (goBetween?.isGone === true && !isReleased) listener.exited(null, null);
  });
  child.on('error', (error: NodeJS.ErrnoException) => {
    if (child.pid !== undefined) return;
    listener.failed(`${error.code ?? error.message} ${where}`);
    listener.exited(null, null);
  });
  return {
    get pid(): number {
      return pid;
    },
    takeOver: () => sendTo(child, { type: 'takeOver' }),
    signal: (signal) => {
      if (goBetween === undefined) signalBoth(child, pid, signal);
      else void goBetween.pid.then(() => signalOne(pid === child.pid ? 0 : pid, signal));
    },
    orphan: async () => goBetween?.leave(),
    release: () => {
      isReleased = true;
      if (child.connected) child.disconnect();
      child.unref();
    },
  };
}

function spawnSuccessor({ command, environment, fd, succession, isSupervised }: SuccessorPlan): ChildProcess {
  const told: Succession = { ...succession, fd: listenerFd };
  const options = {
    cwd: command.directory,
    env: { ...command.environment, ...environment, LAMEDUCK_UPGRADE: JSON.stringify(told) },
    detached: true,
  };
  const inherited = ['ignore', 'inherit', 'inherit', fd, 'ipc'] as const;
  if (isSupervised) {
    const all = [...goBetweenArguments, command.file, ...command.arguments];
    return spawn('/bin/sh', all, { ...options, stdio: [...inherited, 'pipe'] });
  }
  return spawn(command.file, command.arguments, { ...options, argv0: command.file, stdio: [...inherited] });
}

function sendTo(child: ChildProcess, message: MasterToSuccessor): void {
  // One that has just gone is told by its exit, not here.
  if (child.connected) child.send(message, () => undefined);
}

/** The master itself, and the launcher that waits for it where there is one. */
function signalBoth(child: ChildProcess, pid: number, signal: NodeJS.Signals): void {
  child.kill(signal);
  if (pid === child.pid || child.exitCode !== null || child.signalCode !== null) return;
  signalOne(pid, signal);
}

function signalOne(pid: number, signal: NodeJS.Signals): void {
  // 0 would be our own group.
  if (pid === 0) return;
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
