/** One event as it goes over the wire, with its number. */
export interface Frame {
  readonly number: number;
  readonly text: string;
}

/** The last events, bounded by number and by size, so that a client that was away for a while has missed nothing. */
export class EventRing {
  readonly #mostFrames: number;
  readonly #mostCharacters: number;
  #frames: Frame[] = [];
  #begin = 0;
  #characters = 0;

  constructor(mostFrames: number, mostCharacters: number) {
    this.#mostFrames = mostFrames;
    this.#mostCharacters = mostCharacters;
  }

  push(frame: Frame): void {
    this.#frames.push(frame);
    this.#characters += frame.text.length;
    while (this.#size() > this.#mostFrames || (this.#characters > this.#mostCharacters && this.#size() > 1)) {
      this.#characters -= this.#frames[this.#begin]?.text.length ?? 0;
      this.#begin += 1;
    }
    // what is out of the ring is let go of from time to time, not at each push
    if (this.#begin > this.#mostFrames) this.#compact();
  }

  /** What came after this number, in order; `undefined` where some of it is no longer known. */
  after(number: number): readonly Frame[] | undefined {
    const first = this.#frames[this.#begin]?.number;
    if (first === undefined || number < first - 1) return undefined;
    return this.#frames.slice(this.#begin + Math.max(0, number - first + 1));
  }

  clear(): void {
    this.#begin = this.#frames.length;
    this.#characters = 0;
    this.#compact();
  }

  #size(): number {
    return this.#frames.length - this.#begin;
  }

  #compact(): void {
    this.#frames = this.#frames.slice(this.#begin);
    this.#begin = 0;
  }
}
