import type { ProcessIdentity } from '../ports/node-runner.ts';
import { identityKey, startedAtMs } from './identity.ts';

/** More than one node has at once; what is forgotten is looked up again. */
const mostKnown = 1_000;

/** When processes began, in milliseconds since 1970, to the second. A process keeps its time when the clock is set. */
export class StartTimes {
  readonly #known = new Map<string, number>();

  of(found: ProcessIdentity): number {
    const key = identityKey(found);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    if (this.#known.size >= mostKnown) this.#known.clear();
    const began = Math.round(startedAtMs(found) / 1000) * 1000;
    this.#known.set(key, began);
    return began;
  }
}
