import { userInfo } from 'node:os';
import { type ApiClient, ApiError, createApiClient, type EventUpdate, type Fetch } from '@lameduck/client';
import {
  type ErrorCode,
  exitCodes,
  type HistoryEntry,
  LameduckError,
  type OperationKind,
  type OperationPlan,
  type OperationProgress,
  type OperationReport,
  type PauseStatus,
  type RolloutCommand,
  type RolloutOptions,
  type RolloutReport,
  type RolloutStatus,
  type ServiceStatus,
  type WeightReport,
} from '@lameduck/core';
import { Agent, fetch } from 'undici';
import { answeringFetch } from './answering-fetch.ts';

interface OperateOptions {
  readonly force?: boolean;
}

type OnProgress = (progress: OperationProgress) => void;

/** Where the controller is: on this host, or somewhere else with a token. */
export type ControllerPlace =
  | { readonly socketPath: string }
  | { readonly url: string; readonly token: string | undefined };

/** The controller of one service. Errors are the controller's own, with their codes. */
export class ControllerClient {
  readonly #agent: Agent;
  readonly #place: ControllerPlace;
  readonly #api: ApiClient;

  constructor(place: ControllerPlace) {
    // an operation takes as long as its deadlines allow: no time-out of the transport may cut it short
    const patient = { headersTimeout: 0, bodyTimeout: 0 };
    const isLocal = 'socketPath' in place;
    this.#agent = new Agent(isLocal ? { ...patient, connect: { socketPath: place.socketPath } } : patient);
    this.#place = place;
    this.#api = createApiClient({
      fetch: answeringFetch(
        ((url, asking) => fetch(url, { ...asking, dispatcher: this.#agent })) as Fetch,
        isLocal,
      ),
      ...(isLocal ? { url: 'http://localhost', headers: claim() } : { url: place.url }),
      ...(isLocal || place.token === undefined ? {} : { token: place.token }),
    });
  }

  status(): Promise<ServiceStatus> {
    return this.#attempt(this.#api.status());
  }

  history(limit: number): Promise<readonly HistoryEntry[]> {
    return this.#attempt(this.#api.history({ limit }));
  }

  /** In Prometheus' text format. */
  metrics(): Promise<string> {
    return this.#attempt(this.#api.metrics());
  }

  operate(
    kind: OperationKind,
    node: string,
    onProgress: OnProgress,
    options: OperateOptions = {},
  ): Promise<OperationReport> {
    return this.#attempt(this.#api.operate(kind, node, onProgress, options));
  }

  /** What the operation would do; touches nothing. */
  planOperation(kind: OperationKind, node: string, options: OperateOptions = {}): Promise<OperationPlan> {
    return this.#attempt(this.#api.planOperation(kind, node, options));
  }

  rollout(options: RolloutOptions, onProgress: OnProgress): Promise<RolloutReport> {
    return this.#attempt(this.#api.rollout(options, onProgress));
  }

  /** Everything that happens; waits for a controller that is away, but for the first time. */
  async *events(signal: AbortSignal): AsyncGenerator<EventUpdate, undefined> {
    await this.status();
    yield* this.#translate(this.#api.events(signal));
    return undefined;
  }

  async *logs(
    node: string,
    options: { readonly lines: number; readonly isFollowing: boolean },
    signal: AbortSignal,
  ): AsyncGenerator<string, undefined> {
    yield* this.#translate(this.#api.logs(node, options, signal));
    return undefined;
  }

  /** Without a weight it is the configured one again. */
  setWeight(node: string, weight: number | undefined): Promise<WeightReport> {
    return this.#attempt(this.#api.setWeight(node, weight));
  }

  pause(holdMs: number | undefined): Promise<PauseStatus> {
    return this.#attempt(this.#api.pause(holdMs).then(({ paused }) => paused));
  }

  async resume(): Promise<void> {
    await this.#attempt(this.#api.resume());
  }

  /** What the rollout would do; touches nothing. */
  planRollout(options: RolloutOptions): Promise<OperationPlan> {
    return this.#attempt(this.#api.planRollout(options));
  }

  /** The rollout under way, or the last one of this controller. */
  async rolloutStatus(): Promise<RolloutStatus | undefined> {
    return (await this.status()).rollout;
  }

  commandRollout(command: RolloutCommand): Promise<RolloutStatus> {
    return this.#attempt(this.#api.commandRollout(command));
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  async #attempt<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (thrown) {
      throw toError(thrown, this.#place);
    }
  }

  async *#translate<T>(items: AsyncGenerator<T, undefined>): AsyncGenerator<T, undefined> {
    try {
      yield* items;
    } catch (thrown) {
      throw toError(thrown, this.#place);
    }
    return undefined;
  }
}

/** Who asks, for the audit log: the socket cannot tell, so it is taken down as a claim. */
function claim(): Readonly<Record<string, string>> {
  const user = userName();
  return /^[A-Za-z0-9_.-]{1,32}$/.test(user) ? { 'lameduck-claim': `user=${user}; pid=${process.pid}` } : {};
}

/** A container may run as a user that has no name. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid${process.getuid?.() ?? ''}`;
  }
}

function toError(thrown: unknown, place: ControllerPlace): LameduckError {
  if (!(thrown instanceof ApiError)) return LameduckError.from(thrown);
  const { code, message, details, cause } = thrown;
  if (cause instanceof LameduckError) return cause;
  if (code === 'unreachable') return unreachable(place, cause);
  if (code === 'wentAway') return wentAway(cause);
  if (code === 'notTheApi')
    return new LameduckError('apiMismatch', message, { ...details, ...placeDetails(place) });
  const known = Object.hasOwn(exitCodes, code) ? (code as ErrorCode) : 'internal';
  return new LameduckError(known, message, details);
}

function unreachable(place: ControllerPlace, cause: unknown): LameduckError {
  const where = 'socketPath' in place ? place.socketPath : place.url;
  const wanted =
    'socketPath' in place
      ? 'a running "lameduck up" or "lameduck daemon" is wanted'
      : `a daemon that listens there is wanted${reason(cause)}`;
  return new LameduckError(
    'notRunning',
    `Cannot reach the controller on "${where}": ${wanted}`,
    placeDetails(place),
    cause,
  );
}

/** Without the token. */
function placeDetails(place: ControllerPlace): Readonly<Record<string, string>> {
  return 'socketPath' in place ? { socketPath: place.socketPath } : { url: place.url };
}

function reason(thrown: unknown): string {
  const { cause } = thrown as { cause?: { code?: string; message?: string } };
  const why = cause?.code ?? cause?.message;
  return why === undefined ? '' : `: ${why}`;
}

function wentAway(cause?: unknown): LameduckError {
  const message =
    'Cannot finish: the controller went away in the middle of the operation; the next "lameduck up" reverts or resumes it (lameduck history)';
  return new LameduckError('notRunning', message, {}, cause);
}
