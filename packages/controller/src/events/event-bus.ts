import { randomBytes } from 'node:crypto';
import type { ApiEventName, ApiEvents } from '@lameduck/core';
import { beatMs } from '../beat.ts';
import type { Clock } from '../ports/clock.ts';
import { EventRing } from './event-ring.ts';

/** With more listeners than this there is a write with every second beat at most: each one wakes a process at its other end. */
const fewListeners = 10;
/** The longest that events wait for others: the fewer listeners, the less it costs not to wait. */
const waitMs = (listeners: number): number => Math.min(2 * beatMs, 20 + 4 * listeners);
/** How long events are kept on being made after the last listener left: one that comes back has missed nothing. */
const lingerMs = 30_000;
const mostFrames = 10_000;
const mostCharacters = 16 * 1024 * 1024;

/** Takes events as bytes of a stream of server-sent events. */
export type EventListener = (chunk: Buffer) => void;

/** Told when somebody begins to listen, and when nobody has for a while. */
export interface BusLife {
  readonly wake: () => void;
  readonly sleep: () => void;
}

/**
 * Gives each event to all listeners: numbered, written as text once, joined into one chunk with those of the same moment.
 * While nobody listens nothing is made at all.
 */
export class EventBus {
  readonly #boot: string = randomBytes(4).toString('hex');
  readonly #ring = new EventRing(mostFrames, mostCharacters);
  readonly #listeners = new Set<EventListener>();
  readonly #clock: Clock;
  readonly #life: BusLife;
  #number = 0;
  #flushedAt = 0;
  #pending: string[] = [];
  #cancelFlush: () => void = () => undefined;
  #cancelSleep: () => void = () => undefined;
  #isAwake = false;

  constructor(clock: Clock, life: BusLife) {
    this.#clock = clock;
    this.#life = life;
  }

  /** Whether anybody wants events, or may come back for them. */
  get isAwake(): boolean {
    return this.#isAwake;
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  /** Of the newest event. */
  get lastId(): string {
    return this.#idOf(this.#number);
  }

  publish<Name extends ApiEventName>(name: Name, data: ApiEvents[Name]): void {
    if (!this.#isAwake) return;
    this.#number += 1;
    const text = formatEvent(this.lastId, name, data);
    this.#ring.push({ number: this.#number, text });
    if (this.#pending.length === 0)
      this.#cancelFlush = this.#clock.schedule(waitMs(this.#listeners.size), () => this.#flush());
    this.#pending.push(text);
  }

  /**
   * From now on the listener gets every event. The answer is what it has missed since the event with this id, or
   * nothing where that is not known.
   */
  subscribe(listener: EventListener, lastEventId?: string): string | undefined {
    this.#wake();
    // so that nobody gets an event that came before
    this.#flush();
    const missed = lastEventId === undefined ? undefined : this.since(lastEventId);
    this.#listeners.add(listener);
    return missed;
  }

  unsubscribe(listener: EventListener): void {
    if (!this.#listeners.delete(listener) || this.#listeners.size > 0) return;
    this.#cancelSleep();
    this.#cancelSleep = this.#clock.schedule(lingerMs, () => this.#sleep());
  }

  close(): void {
    this.#flush();
    this.#listeners.clear();
    this.#sleep();
  }

  /** To be called with each beat, after what is made with it: then nobody needs a timer for it. */
  beat(): void {
    const sinceMs = this.#clock.now() - this.#flushedAt;
    if (this.#listeners.size <= fewListeners || sinceMs > 1.5 * beatMs) this.#flush();
  }

  #wake(): void {
    this.#cancelSleep();
    if (this.#isAwake) return;
    this.#isAwake = true;
    this.#life.wake();
  }

  /** What happens from here on is not written down: nobody may take up from an earlier event. */
  #sleep(): void {
    this.#cancelSleep();
    this.#cancelFlush();
    if (!this.#isAwake) return;
    this.#isAwake = false;
    this.#number += 1;
    this.#ring.clear();
    this.#life.sleep();
  }

  /** All events after the one with this id, as text; nothing where that is not known. */
  since(lastEventId: string): string | undefined {
    const [boot, digits = ''] = lastEventId.split('-');
    if (boot !== this.#boot || !/^\d{1,15}$/.test(digits)) return undefined;
    const number = Number(digits);
    if (number === this.#number) return '';
    if (number > this.#number) return undefined;
    return this.#ring
      .after(number)
      ?.map(({ text }) => text)
      .join('');
  }

  #flush(): void {
    if (this.#pending.length === 0) return;
    this.#cancelFlush();
    this.#flushedAt = this.#clock.now();
    const chunk = Buffer.from(this.#pending.join(''));
    this.#pending = [];
    for (const listener of this.#listeners) listener(chunk);
  }

  #idOf(number: number): string {
    return `${this.#boot}-${number}`;
  }
}

/** One event as text of `text/event-stream`. JSON has no line break that could end it. */
export function formatEvent<Name extends ApiEventName>(
  id: string,
  name: Name,
  data: ApiEvents[Name],
): string {
  return `id: ${id}\nevent: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}
