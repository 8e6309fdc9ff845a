import type { Address } from '@lameduck/core';
import type { ProcessIdentity, RunningWorker } from '../../ports/node-runner.ts';
import {
  identityKey,
  isLiving,
  listProcesses,
  type ProcessStat,
  readProcess,
} from '../../processes/identity.ts';
import { acceptsOn, findListeners, holdsListener, type Inode } from '../../processes/listeners.ts';
import { readMemory } from '../../processes/memory.ts';
import { StartTimes } from '../../processes/start-times.ts';
import type { ArbiterAnswer, WorkerSign } from './arbiter-answer.ts';

const mebibyte = 1024 * 1024;

/** The workers of one node's arbiter. */
export class ArbiterWorkers {
  readonly #address: Address;
  readonly #startTimes = new StartTimes();
  #known: { readonly key: string; readonly inodes: readonly Inode[] } | undefined;

  constructor(address: Address) {
    this.#address = address;
  }

  /**
   * Those that live. Without an answer /proc alone tells. What an arbiter says of processes that are not its children is
   * not believed; `isTerminating`: it was sent SIGTERM.
   */
  async list(
    node: ProcessIdentity,
    answer: ArbiterAnswer | undefined,
    isTerminating: boolean,
  ): Promise<readonly RunningWorker[]> {
    const listeners = await this.#listeners(node);
    // the whole of /proc is read only where the arbiter does not say which processes they are
    const found = answer === undefined ? listProcesses() : [...answer.workers.keys()].flatMap(readIfThere);
    return found
      .filter((one) => one.parentPid === node.pid && isLiving(one))
      .map((one) => ({
        pid: one.pid,
        state: isTerminating ? 'draining' : stateOf(one.pid, listeners, answer?.workers.get(one.pid)),
        startedAtMs: this.#startTimes.of(one),
        ...memoryOf(one.pid),
      }));
  }

  /** Looked up anew only where the arbiter no longer holds them: /proc/net/tcp is long on a busy host. */
  async #listeners(node: ProcessIdentity): Promise<readonly Inode[]> {
    const key = identityKey(node);
    if (this.#known?.key === key && holdsAll(node.pid, this.#known.inodes)) return this.#known.inodes;
    const inodes = await findListeners(this.#address);
    this.#known = { key, inodes };
    return inodes;
  }
}

/**
 * Who waits for connections at this moment is `ready`; that /proc says for workers with an event loop. Those without one
 * (`sync`) are known by their sign of life and the socket that they hold; who has let go of it is leaving.
 */
function stateOf(pid: number, listeners: readonly Inode[], sign: WorkerSign | undefined): string {
  if (sign === 'hung') return 'hung';
  if (acceptsOn(pid, listeners)) return 'ready';
  if (sign !== 'alive') return sign ?? 'running';
  return holdsListener(pid, listeners) ? 'ready' : 'draining';
}

/** To the MiB: what a worker needs changes all the time. */
function memoryOf(pid: number): Pick<RunningWorker, 'rss'> {
  const bytes = readMemory(pid);
  return bytes === undefined ? {} : { rss: Math.round(bytes / mebibyte) * mebibyte };
}

function readIfThere(pid: number): readonly ProcessStat[] {
  const found = readProcess(pid);
  return found === undefined ? [] : [found];
}

function holdsAll(pid: number, inodes: readonly Inode[]): boolean {
  return inodes.length > 0 && inodes.every((inode) => holdsListener(pid, [inode]));
}
