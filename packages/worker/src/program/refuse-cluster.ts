import type { Cluster } from 'node:cluster';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { createRequire } from 'node:module';
import { WorkerError } from '../worker-error.ts';

/** What a program is told that wants workers of its own. */
export interface ClusterWatch {
  /** Rejects with `entryUnusable` when the program forks itself with node:cluster; never resolves. */
  readonly refused: Promise<never>;
  end(): void;
}

/**
 * node:cluster is not loaded to look at it: Node tells of each process that is made. Programs that fork another file
 * have their reasons, and do not wait for it to listen here.
 */
export function watchCluster(path: string): ClusterWatch {
  const { promise: refused, reject } = withReject();
  const look = (): void => {
    const { settings, workers } = loadCluster();
    if (settings.exec === undefined || ![path, process.argv[1]].includes(settings.exec)) return;
    // They would only say that their master has gone.
    process.once('exit', () => {
      for (const one of Object.values(workers ?? {})) one?.process.kill('SIGKILL');
    });
    reject(unusable(path));
  };
  // Told before the process is made, and so before its settings are there.
  const onChild = (): void => void setImmediate(look);
  subscribe('child_process', onChild);
  return { refused, end: () => void unsubscribe('child_process', onChild) };
}

// Promise.withResolvers came with Node 22.
function withReject(): { readonly promise: Promise<never>; readonly reject: (error: Error) => void } {
  let reject: (error: Error) => void = () => undefined;
  const promise = new Promise<never>((_resolve, refuse) => {
    reject = refuse;
  });
  promise.catch(() => undefined);
  return { promise, reject };
}

function loadCluster(): Cluster {
  return createRequire(import.meta.url)('node:cluster') as Cluster;
}

function unusable(path: string): WorkerError {
  const wanted = 'a program without node:cluster was wanted, as --workers is for that';
  return new WorkerError(
    'entryUnusable',
    `Cannot load "${path}": ${wanted}: current value is one that forks itself`,
  );
}
