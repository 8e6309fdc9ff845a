import type { ChecksBatch } from '@lameduck/core';
import type { NodeRecord } from '../node-record.ts';
import type { Clock } from '../ports/clock.ts';
import type { EventBus } from './event-bus.ts';

/** Gathers checks and tells them together: five hundred checks a second are one event. */
export class ChecksFeed {
  readonly #bus: EventBus;
  readonly #clock: Clock;
  #checks: ChecksBatch['checks'][number][] = [];

  constructor(bus: EventBus, clock: Clock) {
    this.#bus = bus;
    this.#clock = clock;
  }

  readonly checked = ({ config, health }: NodeRecord): void => {
    const { last } = health;
    if (!this.#bus.isAwake || last === undefined) return;
    const { passed, detail } = last;
    const ms = Math.round(last.ms * 10) / 10;
    this.#checks.push({ node: config.name, ms, passed, ...(passed ? {} : { detail }) });
  };

  flush(): void {
    if (this.#checks.length === 0) return;
    this.#bus.publish('checks', { at: this.#clock.timestamp(), checks: this.#checks });
    this.#checks = [];
  }
}
