import type { WorkerAssignment } from '@lameduck/core';
import { prepareServer } from './application.ts';
import { type Beats, createBeats } from './beats.ts';
import { type Entry, loadEntry } from './entry.ts';
import { Lifecycle, type LifecycleHooks } from './lifecycle.ts';
import type { MasterLink } from './master-link.ts';
import { readSettings } from './options.ts';
import { listen } from './serve.ts';
import { describeThrown, WorkerError } from './worker-error.ts';

async function runStartup(path: string, { startup }: Entry): Promise<void> {
  try {
    await startup?.();
  } catch (thrown) {
    const wanted = 'a startup() without an error was wanted';
    const message = `Cannot start "${path}": ${wanted}: current value is ${describeThrown(thrown)}`;
    throw new WorkerError('entryUnusable', message, thrown);
  }
}

function createHooks(
  link: MasterLink,
  beats: Beats,
  shutdownHooks: readonly (() => unknown)[],
): LifecycleHooks {
  return {
    shutdownHooks,
    onReady: () => {
      link.send({ type: 'ready' });
      beats.start((counts) => link.send({ type: 'beat', counts }));
    },
    onDraining: () => link.send({ type: 'draining' }),
    onDrained: (aborted) => link.send({ type: 'drained', aborted }),
    beforeExit: () => link.flush({ type: 'beat', counts: beats.read() }),
  };
}

/**
 * Loads the entry, runs its startup, and serves it on the inherited socket; resolves when it listens and the master
 * has been told. Throws `entryUnusable`, `usage`, `addressInUse` or `startFailed`.
 */
export async function runWorker(assignment: WorkerAssignment, link: MasterLink): Promise<Lifecycle> {
  const settings = readSettings(assignment);
  const entry = await loadEntry(assignment.entry);
  // Startup first: a factory may need what it opens.
  await runStartup(assignment.entry, entry);
  const { server, close } = await prepareServer(entry.application, assignment.entry);
  const shutdownHooks = [entry.shutdown, close].filter((hook) => hook !== undefined);
  const lifecycle = new Lifecycle(server, settings, createHooks(link, createBeats(), shutdownHooks));
  await listen(server, { fd: assignment.fd });
  lifecycle.ready();
  return lifecycle;
}
