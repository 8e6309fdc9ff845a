import type { NodeRunner } from '../../ports/node-runner.ts';
import { signalProcess } from '../../processes/kill.ts';
import { findListeners, holdsListener } from '../../processes/listeners.ts';
import type { NodeProcessOptions } from '../../processes/node-process.ts';
import { createProcessRunner } from '../../processes/process-runner.ts';
import { childrenOf } from '../../processes/workers.ts';
import { terminationTargets } from './main-process.ts';

export interface ServerRunnerOptions extends NodeProcessOptions {
  /** A command; a string is run by `/bin/sh -c`. */
  readonly start: string | readonly string[];
  /** Absolute. With it the file names the main process, and the command may exit 0 once that one runs. */
  readonly pidFile?: string;
}

/**
 * Runs any server that stops on SIGTERM. With a pid file `start` waits until it names a living process, and throws
 * `pidFile` where it cannot be read or holds no pid.
 */
export function createServerRunner(options: ServerRunnerOptions): NodeRunner {
  const { start, pidFile } = options;
  return createProcessRunner(options, {
    ...(pidFile === undefined ? {} : { pidFile, pidFileOwner: 'theirs' }),
    evidence: 'listening',
    prepare: async () => ({ command: typeof start === 'string' ? ['/bin/sh', '-c', start] : start }),
    async terminate(node, tree) {
      const listeners = await findListeners(options.address);
      const holdsSocket = (pid: number): boolean => holdsListener(pid, listeners);
      for (const target of terminationTargets(node, tree.look(), holdsSocket))
        signalProcess(target, 'SIGTERM');
    },
    workers: async (node) => childrenOf(node, () => 'running'),
  });
}
