import type { OperationReport, OperationSpec, StepView } from '@lameduck/core';
import type { Clock } from '../ports/clock.ts';
import type { OnProgress } from '../run-operation.ts';
import type { EventBus } from './event-bus.ts';

/** Where one operation tells what happens in it. */
export interface OperationTeller {
  readonly progress: OnProgress;
  readonly ended: (report: OperationReport) => void;
}

/** Makes events of operations, and keeps the steps of those under way. */
export class OperationFeed {
  readonly #bus: EventBus;
  readonly #clock: Clock;
  readonly #onEdge: () => void;
  readonly #steps = new Map<number, readonly StepView[]>();

  /** `onEdge`: an edge has done something. */
  constructor(bus: EventBus, clock: Clock, onEdge: () => void) {
    this.#onEdge = onEdge;
    this.#bus = bus;
    this.#clock = clock;
  }

  /** Steps of an operation under way, by its id in the history; nothing where it is not. */
  stepsOf(id: number): readonly StepView[] | undefined {
    return this.#steps.get(id);
  }

  /** An operation has begun; `onProgress` is told of its progress too. */
  readonly begin = ({ kind, node }: OperationSpec, id: number, onProgress: OnProgress): OperationTeller => {
    const common = { id, node, operation: kind } as const;
    const at = (): string => this.#clock.timestamp();
    this.#steps.set(id, []);
    this.#bus.publish('operation', { ...common, at: at(), type: 'began' });
    return {
      progress: (progress) => {
        this.#note(id, progress);
        this.#bus.publish('operation', { ...common, at: at(), ...progress });
        if (progress.type === 'edge') this.#onEdge();
        onProgress(progress);
      },
      ended: (report) => {
        this.#steps.delete(id);
        this.#bus.publish('operation', { ...common, at: at(), type: 'ended', report });
      },
    };
  };

  #note(id: number, progress: Parameters<OnProgress>[0]): void {
    const steps = this.#steps.get(id) ?? [];
    if (progress.type === 'phase')
      this.#steps.set(id, [...steps, { name: progress.phase, beganAt: this.#clock.timestamp() }]);
    if (progress.type !== 'phaseEnded') return;
    const { phase, ms } = progress;
    this.#steps.set(
      id,
      steps.map((step) => (step.name === phase && step.ms === undefined ? { ...step, ms } : step)),
    );
  }
}
