import { LameduckError } from '@lameduck/core';
import type { ProcessIdentity } from '../../ports/node-runner.ts';
import { identityKey, ownerOf } from '../../processes/identity.ts';
import type { RunnerLogger } from '../../processes/node-process.ts';
import { type ArbiterAnswer, arbiterQuestions, readArbiterAnswer } from './arbiter-answer.ts';
import { askArbiter } from './control-socket.ts';

/** Several that look at once, or within this time, share an answer. */
const freshMs = 900;
const deadlineMs = 500;
/** One that is silent is not waited for each time. */
const pauseMs = 5_000;
/** The socket is gone, and connections are cut, for the moment of each fork: that is no news, and heals itself. */
const quietFailures = 1;

interface Told {
  readonly key: string;
  readonly answer: ArbiterAnswer;
}

/** Asks a node's Gunicorn what it knows of itself, seldom and in bounded time. */
export class ArbiterWatch {
  readonly #node: string;
  readonly #path: string;
  readonly #logger: RunnerLogger;
  #last: { readonly key: string; readonly answer: Promise<ArbiterAnswer | undefined> } | undefined;
  /** Until then the last answer is shared. */
  #until = 0;
  #told: Told | undefined;
  #failures = 0;

  constructor(node: string, path: string, logger: RunnerLogger) {
    this.#node = node;
    this.#path = path;
    this.#logger = logger;
  }

  /** What it says or has just said; `undefined` where it has no control socket or gives no good answer. Never rejects. */
  look(node: ProcessIdentity): Promise<ArbiterAnswer | undefined> {
    const key = identityKey(node);
    if (this.#last?.key !== key || performance.now() > this.#until) {
      this.#until = performance.now() + freshMs;
      this.#last = { key, answer: this.#look(key, node) };
    }
    return this.#last.answer;
  }

  async #look(key: string, node: ProcessIdentity): Promise<ArbiterAnswer | undefined> {
    try {
      const answer = await this.#ask(node);
      if (answer === undefined) return undefined;
      this.#failures = 0;
      if (this.#told?.key === key) this.#tellChanges(this.#told.answer, answer);
      this.#told = { key, answer };
      return answer;
    } catch (thrown) {
      this.#tellFailure(LameduckError.from(thrown));
      return undefined;
    }
  }

  async #ask(node: ProcessIdentity): Promise<ArbiterAnswer | undefined> {
    const path = this.#path;
    const owners = [process.geteuid?.(), ownerOf(node.pid)];
    const answers = await askArbiter({ path, owners }, arbiterQuestions, AbortSignal.timeout(deadlineMs));
    if (answers === undefined) return undefined;
    const answer = readArbiterAnswer(path, answers);
    if (answer.pid === node.pid) return answer;
    const message = `Cannot ask Gunicorn on "${path}": pid ${node.pid} must answer: current value is pid ${answer.pid}`;
    throw new LameduckError('internal', message, { path, pid: answer.pid });
  }

  /** One line for as long as it lasts. */
  #tellFailure({ code, message }: LameduckError): void {
    if (code === 'deadlinePassed') this.#until = performance.now() + pauseMs;
    if (this.#failures === quietFailures)
      this.#logger.info({ node: this.#node, reason: message }, 'gunicorn does not answer');
    this.#failures += 1;
  }

  /** Lameduck does neither itself: whoever did has not looked at the edge. */
  #tellChanges(before: ArbiterAnswer, now: ArbiterAnswer): void {
    const node = this.#node;
    if (now.reloads > before.reloads)
      this.#logger.warn({ node, reloads: now.reloads }, 'gunicorn was reloaded');
    if (now.target !== before.target)
      this.#logger.warn({ node, from: before.target, to: now.target }, 'gunicorn was scaled');
  }
}
