import {
  type HealthState,
  type NodeConfig,
  type NodeState,
  type OutReason,
  unknownHealth,
} from '@lameduck/core';
import type { HeldOperation, NodeDetails, NodeRecord, TakenOut } from './node-record.ts';
import type { NodeRunner, ProcessIdentity } from './ports/node-runner.ts';

/**
 * A record that tells when something of it is set to another value, whoever sets it: of hundreds of records few change, and
 * to look for those costs more than all that is made of them.
 */
export class KeptRecord implements NodeRecord {
  readonly config: NodeConfig;
  readonly runner: NodeRunner;
  readonly out: Set<OutReason>;
  // only the guard asks for it, when it refuses: nobody watches it
  takenOut: TakenOut | undefined;
  #onTouch: () => void = () => undefined;
  #health: HealthState = unknownHealth;
  #process: ProcessIdentity | undefined;
  #operation: HeldOperation | undefined;
  #inFlight = 0;
  #weight: number;
  #leavingPid: number | undefined;
  #shown: { readonly state: NodeState; readonly since: number };
  #reason: string | undefined;
  #details: NodeDetails | undefined;

  constructor(config: NodeConfig, runner: NodeRunner, now: number) {
    this.config = config;
    this.runner = runner;
    this.out = new ToldSet(() => this.#onTouch());
    this.#weight = config.weight;
    this.#shown = { state: 'stopped', since: now };
  }

  onTouch(listener: () => void): void {
    this.#onTouch = listener;
  }

  get health(): HealthState {
    return this.#health;
  }
  set health(value) {
    if (this.#health === value) return;
    this.#health = value;
    this.#onTouch();
  }

  get process(): ProcessIdentity | undefined {
    return this.#process;
  }
  set process(value) {
    if (this.#process === value) return;
    this.#process = value;
    this.#onTouch();
  }

  get operation(): HeldOperation | undefined {
    return this.#operation;
  }
  set operation(value) {
    if (this.#operation === value) return;
    this.#operation = value;
    this.#onTouch();
  }

  get inFlight(): number {
    return this.#inFlight;
  }
  set inFlight(value) {
    if (this.#inFlight === value) return;
    this.#inFlight = value;
    this.#onTouch();
  }

  get weight(): number {
    return this.#weight;
  }
  set weight(value) {
    if (this.#weight === value) return;
    this.#weight = value;
    this.#onTouch();
  }

  get leavingPid(): number | undefined {
    return this.#leavingPid;
  }
  set leavingPid(value) {
    if (this.#leavingPid === value) return;
    this.#leavingPid = value;
    this.#onTouch();
  }

  get shown(): { readonly state: NodeState; readonly since: number } {
    return this.#shown;
  }
  set shown(value) {
    if (this.#shown === value) return;
    this.#shown = value;
    this.#onTouch();
  }

  get reason(): string | undefined {
    return this.#reason;
  }
  set reason(value) {
    if (this.#reason === value) return;
    this.#reason = value;
    this.#onTouch();
  }

  get details(): NodeDetails | undefined {
    return this.#details;
  }
  set details(value) {
    if (this.#details === value) return;
    this.#details = value;
    this.#onTouch();
  }
}

/** A set that tells when it may have changed. */
class ToldSet<T> extends Set<T> {
  readonly #onChange: () => void;

  constructor(onChange: () => void) {
    super();
    this.#onChange = onChange;
  }

  override add(value: T): this {
    super.add(value);
    this.#onChange();
    return this;
  }

  override delete(value: T): boolean {
    const was = super.delete(value);
    if (was) this.#onChange();
    return was;
  }

  override clear(): void {
    super.clear();
    this.#onChange();
  }
}
