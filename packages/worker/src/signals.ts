import { shared } from './shared-state.ts';

/**
 * SIGTERM (also twice: a supervisor may signal the group and relay it as well) drains; SIGINT and SIGQUIT stop
 * within two seconds. A process that serves nothing yet ends at once. Once per process; call before listening.
 */
export function installSignalHandlers(): void {
  if (shared.hasSignalHandlers) return;
  shared.hasSignalHandlers = true;
  process.on('SIGTERM', () => terminateAll());
  process.on('SIGINT', quitAll);
  process.on('SIGQUIT', quitAll);
}

/** Starts the drain of everything that this process serves. */
export function terminateAll(): void {
  if (shared.members.size === 0) process.exit(shared.exitCode);
  for (const member of shared.members) member.terminate();
}

function quitAll(): void {
  if (shared.members.size === 0) process.exit(shared.exitCode);
  for (const member of shared.members) member.quit();
}

/**
 * Signals that mean something to a master, and that a terminal or a supervisor may send to its whole group: by
 * default each of them would kill or stop a worker.
 */
export function ignoreMasterSignals(): void {
  for (const signal of ['SIGHUP', 'SIGUSR2', 'SIGTTIN', 'SIGTTOU'] as const)
    process.on(signal, () => undefined);
}
