import { formatMs, type OperationKind, type OperationProgress, type PhaseName } from '@lameduck/core';
import { DefaultRenderer, Listr, ListrLogger, type ListrTask, ProcessOutput } from 'listr2';
import type { Screen } from './screen.ts';

/** The steps of each operation, in the order in which they come; some only where something went wrong. */
const plans: Readonly<Record<OperationKind, readonly PhaseName[]>> = {
  drain: ['check', 'remove', 'drain'],
  ready: ['health', 'return'],
  stop: ['check', 'remove', 'drain', 'terminate', 'wait', 'kill'],
  start: ['start', 'health', 'return'],
  restart: ['check', 'remove', 'drain', 'terminate', 'wait', 'kill', 'start', 'health', 'return'],
};

/** What each step is called on a terminal. */
export const phaseTitles: Readonly<Record<PhaseName, string>> = {
  check: 'check health and the guard',
  remove: 'take out of rotation',
  drain: 'wait for requests in flight',
  terminate: 'SIGTERM to the master',
  wait: 'wait for the node to end',
  kill: 'kill what is left',
  deploy: 'run hook beforeStart',
  rollBack: 'roll back',
  start: 'start',
  health: 'wait until healthy',
  return: 'put into rotation',
};

/** Shows the steps of an operation while they happen. */
export interface StepBoard {
  show(progress: OperationProgress): void;
  /** Ends the display; steps that never began are shown as not needed. */
  close(): Promise<void>;
}

/** Live lines on a terminal, one plain line for each finished step elsewhere. */
export function createStepBoard(kind: OperationKind, nodes: readonly string[], screen: Screen): StepBoard {
  return screen.isLive ? new LiveBoard(kind, nodes) : createPlainBoard(screen);
}

/** One plain line for each finished step. */
export function createPlainBoard(screen: Screen): StepBoard {
  return {
    show(progress) {
      if (progress.type === 'phaseEnded') {
        screen.note(`${progress.node}  ${phaseTitles[progress.phase]}  ${formatMs(progress.ms)}`);
      }
    },
    close: async () => {},
  };
}

/** Writes on stderr: that stdout is a file, with the report, is no reason to write the list there. */
class StderrRenderer extends DefaultRenderer {
  static override readonly nonTTY: boolean = true;
}

interface Step {
  /** Resolves with the time that it took; with nothing where it was not needed. */
  readonly ended: PromiseWithResolvers<string>;
  rename: (title: string) => void;
  detail: string;
}

class LiveBoard implements StepBoard {
  readonly #steps = new Map<string, Step>();
  readonly #current = new Map<string, PhaseName>();
  readonly #done: Promise<unknown>;

  constructor(kind: OperationKind, nodes: readonly string[]) {
    const tasks = nodes.map((node) => this.#nodeTask(kind, node));
    const logger = new ListrLogger({ processOutput: new ProcessOutput(process.stderr, process.stderr) });
    // one node needs no heading of its own
    const [only] = nodes;
    const list = nodes.length === 1 && only !== undefined ? this.#stepTasks(kind, only) : tasks;
    const options = { concurrent: nodes.length > 1, exitOnError: false };
    const rendererOptions = { collapseSubtasks: false, logger };
    this.#done = new Listr(list, { ...options, renderer: StderrRenderer, rendererOptions }).run();
  }

  show(progress: OperationProgress): void {
    switch (progress.type) {
      case 'phase':
        this.#current.set(progress.node, progress.phase);
        this.#skipBefore(progress.node, progress.phase);
        break;
      case 'phaseEnded':
        this.#steps.get(keyOf(progress.node, progress.phase))?.ended.resolve(formatMs(progress.ms));
        break;
      case 'inFlight':
        this.#annotate(progress.node, 'drain', `${progress.count} in flight`);
        break;
      case 'edge':
        this.#annotate(progress.node, this.#current.get(progress.node) ?? 'remove', edgeDetail(progress));
        break;
      case 'nodeReport':
      case 'rollout':
        break;
    }
  }

  async close(): Promise<void> {
    for (const step of this.#steps.values()) step.ended.resolve('');
    await this.#done;
  }

  /** A step that was passed over will not come any more. */
  #skipBefore(node: string, phase: PhaseName): void {
    for (const [key, step] of this.#steps) {
      if (!key.startsWith(`${node} `)) continue;
      if (key === keyOf(node, phase)) return;
      step.ended.resolve('');
    }
  }

  #annotate(node: string, phase: PhaseName, detail: string): void {
    const step = this.#steps.get(keyOf(node, phase));
    if (step === undefined) return;
    step.detail = detail;
    step.rename(`${phaseTitles[phase]}: ${detail}`);
  }

  #nodeTask(kind: OperationKind, node: string): ListrTask {
    const steps = this.#stepTasks(kind, node);
    return { title: node, task: (_, task) => task.newListr(steps, { concurrent: false }) };
  }

  #stepTasks(kind: OperationKind, node: string): ListrTask[] {
    return plans[kind].map((phase) => {
      const step: Step = { ended: Promise.withResolvers(), rename: () => {}, detail: '' };
      this.#steps.set(keyOf(node, phase), step);
      return {
        title: phaseTitles[phase],
        task: async (_, task): Promise<void> => {
          step.rename = (title) => {
            task.title = title;
          };
          const took = await step.ended.promise;
          const detail = step.detail === '' ? '' : `: ${step.detail}`;
          if (took === '') task.skip(`${phaseTitles[phase]}: not needed`);
          else task.title = `${phaseTitles[phase]}${detail}  ${took}`;
        },
      };
    });
  }
}

/** `edge-1 old_draining (2 old processes)` */
export function edgeDetail(progress: Extract<OperationProgress, { type: 'edge' }>): string {
  const left = progress.processes === undefined ? '' : ` (${progress.processes} old processes)`;
  return `${progress.edge} ${progress.state}${left}`;
}

function keyOf(node: string, phase: PhaseName): string {
  return `${node} ${phase}`;
}
