import type { MasterOptions } from './options.ts';

/** Where a worker stood when its beats had stayed away for so long. */
export interface HangStack {
  readonly blockedMs: number;
  readonly stack: readonly string[];
}

/** Asks a worker where it stands when its beats stay away. */
export class HangWatch {
  readonly #afterMs: number;
  readonly #ask: () => void;
  #timer: NodeJS.Timeout | undefined;
  #beatAt = 0;
  #last: HangStack | undefined;

  /** Asked after `heartbeatTimeoutMs` of silence: it is killed a second later. */
  constructor(heartbeatTimeoutMs: number, ask: () => void) {
    this.#afterMs = heartbeatTimeoutMs;
    this.#ask = ask;
  }

  /** Told since its last sign of life. */
  get last(): HangStack | undefined {
    return this.#last;
  }

  /** A sign of life; the first one says that the worker can be asked. */
  beat(): void {
    this.#beatAt = performance.now();
    this.#last = undefined;
    if (this.#timer === undefined) this.#timer = setTimeout(() => this.#late(), this.#afterMs).unref();
    else this.#timer.refresh();
  }

  answered(stack: readonly string[]): void {
    this.#last = { blockedMs: Math.round(performance.now() - this.#beatAt), stack };
  }

  /** It is gone. */
  close(): void {
    clearTimeout(this.#timer);
  }

  /** A master that was frozen itself reads the beats of that time first. */
  #late(): void {
    const beatAt = this.#beatAt;
    setImmediate(() => {
      if (this.#beatAt === beatAt) this.#ask();
    });
  }
}

/** Node options under which SIGUSR1 ends a process, is refused, or starts what a developer wants to keep. */
const otherwise = /--(disable-sigusr1|permission|inspect)/;

/** Whether workers can be asked: the signal must start their inspector. */
export function canAskHung({
  hangStack,
  nodeArguments = [],
  environment = process.env,
}: MasterOptions): boolean {
  if (hangStack === false || process.features.inspector !== true) return false;
  return ![...nodeArguments, environment['NODE_OPTIONS'] ?? ''].some((words) => otherwise.test(words));
}

/** For the worker's Node: whoever connects to an inspector that is open for a moment must know what stderr was told. */
export const askHungArguments: readonly string[] = ['--inspect-publish-uid=stderr'];
