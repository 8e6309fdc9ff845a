import { LameduckError, type ReloadOutcome } from '@lameduck/core';

interface Ticket {
  resolve(generation: number): void;
  reject(error: LameduckError): void;
}

/** Who waits for the outcome of a reload, each with a number of its own. */
export class ReloadTickets {
  readonly #entry: string;
  readonly #tickets = new Map<number, Ticket>();
  #next = 1;

  constructor(entry: string) {
    this.#entry = entry;
  }

  /** Resolves with the new generation, or rejects with `reloadFailed`, when the number is settled. */
  take(ask: (ticket: number) => void): Promise<number> {
    return new Promise((resolve, reject) => {
      const ticket = this.#next++;
      this.#tickets.set(ticket, { resolve, reject });
      ask(ticket);
    });
  }

  /** `generation` is the one that serves after a failure. */
  settle(tickets: readonly number[], outcome: ReloadOutcome, generation: number): void {
    for (const id of tickets) {
      const ticket = this.#tickets.get(id);
      this.#tickets.delete(id);
      if (outcome.type === 'done') ticket?.resolve(outcome.generation);
      else ticket?.reject(this.#failure(outcome.message, generation));
    }
  }

  #failure(reason: string, generation: number): LameduckError {
    return new LameduckError(
      'reloadFailed',
      `Cannot reload "${this.#entry}": new workers that become ready were wanted: current value is ${reason}`,
      { entry: this.#entry, reason, generation },
    );
  }
}
