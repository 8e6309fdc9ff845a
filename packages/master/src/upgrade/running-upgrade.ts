import {
  assertNever,
  initialUpgrade,
  LameduckError,
  type Machine,
  runMachine,
  type StopMode,
  type SuccessorToMaster,
  stepUpgrade,
  type UpgradeEffect,
  type UpgradeEvent,
  type UpgradeOutcome,
  type UpgradeSettings,
  type UpgradeState,
} from '@lameduck/core';
import type { Logger } from 'pino';
import type { Successor, SuccessorListener } from './successor.ts';

/** What an upgrade does to the master it belongs to. */
export interface UpgradeShell {
  readonly entry: string;
  readonly logger: Logger;
  /** Why this master cannot be upgraded now. */
  obstacle(): string | undefined;
  start(environment: Readonly<Record<string, string>>, listener: SuccessorListener): Successor;
  /** Tells the supervisor the new main pid; rejects where that is not possible. */
  announce(pid: number): Promise<void>;
  /** Takes pid file, control socket and main pid back. */
  reclaim(): Promise<void>;
  leave(): void;
}

interface Ticket {
  resolve(pid: number): void;
  reject(error: LameduckError): void;
}

/** The upgrade machine with its process and timer. */
export class RunningUpgrade {
  readonly #shell: UpgradeShell;
  readonly #machine: Machine<UpgradeState, UpgradeEvent>;
  readonly #tickets = new Map<number, Ticket>();
  readonly #waiting = new Set<() => void>();
  #environment: Readonly<Record<string, string>> = {};
  #nextTicket = 1;
  #timer: NodeJS.Timeout | undefined;
  #successor: Successor | undefined;
  #reclaimed: Promise<void> = Promise.resolve();

  constructor(settings: UpgradeSettings, shell: UpgradeShell) {
    this.#shell = shell;
    this.#machine = runMachine(
      stepUpgrade,
      initialUpgrade(settings),
      (effect) => this.#perform(effect),
      (event, from, to) => this.#observe(event, from, to),
    );
  }

  get phase(): UpgradeState['phase'] {
    return this.#machine.state.phase;
  }

  /** Resolves with the pid of the new master, which serves; rejects with `upgradeFailed` or `busy`. */
  request(environment: Readonly<Record<string, string>>): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const ticket = this.#nextTicket++;
    const obstacle = this.#shell.obstacle();
    this.#tickets.set(ticket, { resolve, reject });
    if (this.phase === 'idle') this.#environment = environment;
    this.#machine.send({ type: 'upgradeRequested', ticket, ...(obstacle === undefined ? {} : { obstacle }) });
    return promise;
  }

  stop(mode: StopMode): void {
    this.#machine.send({ type: 'stopRequested', mode });
  }

  /** Resolves when no successor depends on this process. */
  async settled(): Promise<void> {
    if (this.phase !== 'idle' && this.phase !== 'left')
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    await this.#reclaimed;
  }

  #perform(effect: UpgradeEffect): void {
    switch (effect.type) {
      case 'startSuccessor':
        this.#start();
        return;
      case 'tellTakeOver':
        this.#successor?.takeOver();
        return;
      case 'announceSuccessor':
        this.#announce();
        return;
      case 'signalSuccessor':
        this.#successor?.signal(effect.signal);
        return;
      case 'startTimer': {
        const { timer, ms } = effect;
        clearTimeout(this.#timer);
        this.#timer = setTimeout(() => this.#machine.send({ type: 'timerFired', timer }), ms);
        return;
      }
      case 'cancelTimer':
        clearTimeout(this.#timer);
        return;
      case 'reclaim':
        this.#reclaim();
        return;
      case 'reply':
        this.#reply(effect.ticket, effect.outcome);
        return;
      case 'leave':
        this.#successor?.release();
        this.#shell.leave();
        return;
      default:
        assertNever(effect);
    }
  }

  #start(): void {
    const listener: SuccessorListener = {
      message: (message) => this.#hear(message),
      failed: (message) => this.#machine.send({ type: 'successorFailed', message }),
      exited: (code, signal) => {
        this.#successor = undefined;
        this.#machine.send({ type: 'successorExited', code, signal });
      },
    };
    try {
      this.#successor = this.#shell.start(this.#environment, listener);
      this.#shell.logger.info({ successor: this.#successor.pid }, 'new master spawned');
    } catch (thrown) {
      listener.failed(LameduckError.from(thrown).message);
      listener.exited(null, null);
    }
  }

  #hear(message: SuccessorToMaster): void {
    switch (message.type) {
      case 'masterReady':
        this.#machine.send({ type: 'successorReady' });
        return;
      case 'tookOver':
        this.#machine.send({ type: 'successorTookOver' });
        return;
      case 'masterFailed':
        this.#machine.send({ type: 'successorFailed', message: message.message });
        return;
      default:
        assertNever(message);
    }
  }

  #announce(): void {
    this.#announced().then(
      () => this.#machine.send({ type: 'announced' }),
      (error: Error) => this.#machine.send({ type: 'announceFailed', message: error.message }),
    );
  }

  async #announced(): Promise<void> {
    await this.#successor?.orphan();
    await this.#shell.announce(this.#successor?.pid ?? 0);
  }

  #reclaim(): void {
    this.#reclaimed = this.#shell
      .reclaim()
      .catch((error: Error) =>
        this.#shell.logger.error({ reason: error.message }, 'cannot take office back'),
      );
  }

  #reply(ticket: number | undefined, outcome: UpgradeOutcome): void {
    if (ticket === undefined) return;
    const asked = this.#tickets.get(ticket);
    this.#tickets.delete(ticket);
    if (outcome.type === 'done') asked?.resolve(this.#successor?.pid ?? 0);
    else asked?.reject(refusal(this.#shell.entry, outcome));
  }

  #observe(event: UpgradeEvent, from: UpgradeState, to: UpgradeState): void {
    if (from.phase === to.phase) return;
    const fields = { from: from.phase, to: to.phase, event: event.type, successor: this.#successor?.pid };
    this.#shell.logger.info(fields, 'upgrade changed');
    if (to.phase !== 'idle' && to.phase !== 'left') return;
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}

function refusal(entry: string, outcome: Exclude<UpgradeOutcome, { type: 'done' }>): LameduckError {
  const isBusy = outcome.type === 'busy';
  const wanted = isBusy ? 'a master that can be upgraded now' : 'a new master that becomes ready';
  return new LameduckError(
    isBusy ? 'busy' : 'upgradeFailed',
    `Cannot upgrade "${entry}": ${wanted} was wanted: current value is ${outcome.message}`,
    { entry, reason: outcome.message },
  );
}
