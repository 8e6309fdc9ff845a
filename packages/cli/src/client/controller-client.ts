import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import {
  type ErrorBody,
  type ErrorCode,
  exitCodes,
  type HistoryEntry,
  LameduckError,
  type OperationKind,
  type OperationLine,
  type OperationPlan,
  type OperationProgress,
  type OperationReport,
  type PauseStatus,
  type RolloutCommand,
  type RolloutOptions,
  type RolloutReport,
  type RolloutStatus,
  type ServiceStatus,
} from '@lameduck/core';
import { Client, type Dispatcher } from 'undici';
import { whoAmI } from './who.ts';

/** The controller of one service, asked over its unix socket. Errors are the controller's own, with their codes. */
export class ControllerClient {
  readonly #client: Client;
  readonly #socketPath: string;

  constructor(socketPath: string) {
    // an operation takes as long as its deadlines allow: no time-out of the transport may cut it short
    this.#client = new Client('http://localhost', { socketPath, headersTimeout: 0, bodyTimeout: 0 });
    this.#socketPath = socketPath;
  }

  async status(): Promise<ServiceStatus> {
    const { body } = await this.#request('GET', '/v1/status');
    return (await body.json()) as ServiceStatus;
  }

  /** In Prometheus' text format. */
  async metrics(): Promise<string> {
    const { body } = await this.#request('GET', '/metrics');
    return body.text();
  }

  async history(limit: number): Promise<readonly HistoryEntry[]> {
    const { body } = await this.#request('GET', `/v1/history?limit=${limit}`);
    return (await body.json()) as HistoryEntry[];
  }

  async operate(
    kind: OperationKind,
    node: string,
    onProgress: (progress: OperationProgress) => void,
    options: { readonly force?: boolean } = {},
  ): Promise<OperationReport> {
    const { body } = await this.#request('POST', operationPath(kind, node), options);
    return (await readReport(body, onProgress)) as OperationReport;
  }

  /** What the operation would do; touches nothing. */
  async planOperation(
    kind: OperationKind,
    node: string,
    options: { readonly force?: boolean } = {},
  ): Promise<OperationPlan> {
    const { body } = await this.#request('POST', operationPath(kind, node), { ...options, dryRun: true });
    return (await body.json()) as OperationPlan;
  }

  async rollout(
    options: RolloutOptions,
    onProgress: (progress: OperationProgress) => void,
  ): Promise<RolloutReport> {
    const { body } = await this.#request('POST', '/v1/rollout', options);
    return (await readReport(body, onProgress)) as RolloutReport;
  }

  async pause(by: string, holdMs: number | undefined): Promise<PauseStatus> {
    const { body } = await this.#request('POST', '/v1/pause', { by, ...(holdMs ? { holdMs } : {}) });
    return ((await body.json()) as { paused: PauseStatus }).paused;
  }

  async resume(): Promise<void> {
    const { body } = await this.#request('POST', '/v1/resume');
    await body.dump();
  }

  /** What the rollout would do; touches nothing. */
  async planRollout(options: RolloutOptions): Promise<OperationPlan> {
    const { body } = await this.#request('POST', '/v1/rollout', { ...options, dryRun: true });
    return (await body.json()) as OperationPlan;
  }

  /** The rollout under way, or the last one of this controller. */
  async rolloutStatus(): Promise<RolloutStatus | undefined> {
    return (await this.status()).rollout;
  }

  async commandRollout(command: RolloutCommand): Promise<RolloutStatus> {
    const { body } = await this.#request('POST', `/v1/rollout/${command}`);
    return (await body.json()) as RolloutStatus;
  }

  async close(): Promise<void> {
    await this.#client.close();
  }

  async #request(method: 'GET' | 'POST', path: string, body?: object): Promise<Dispatcher.ResponseData> {
    const headers = { 'x-lameduck-who': whoAmI() };
    const response = await this.#client
      .request({ method, path, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
      .catch((error: unknown) => {
        throw this.#unreachable(error);
      });
    if (response.statusCode < 400) return response;
    throw toError(((await response.body.json()) as ErrorBody).error);
  }

  #unreachable(error: unknown): LameduckError {
    const message = `Cannot reach the controller on "${this.#socketPath}": a running "lameduck up" or "lameduck daemon" is wanted`;
    return new LameduckError('notRunning', message, { socketPath: this.#socketPath }, error);
  }
}

function operationPath(kind: OperationKind, node: string): string {
  return `/v1/nodes/${encodeURIComponent(node)}/${kind}`;
}

async function readReport(
  body: Readable,
  onProgress: (progress: OperationProgress) => void,
): Promise<OperationReport | RolloutReport> {
  try {
    for await (const text of createInterface({ input: body })) {
      const line = JSON.parse(text) as OperationLine;
      if (line.type === 'report') return line.report;
      if (line.type === 'error') throw toError(line.error);
      onProgress(line);
    }
  } catch (error) {
    if (error instanceof LameduckError) throw error;
    throw wentAway(error);
  }
  throw wentAway();
}

function wentAway(cause?: unknown): LameduckError {
  const message =
    'Cannot finish: the controller went away in the middle of the operation; the next "lameduck up" reverts or resumes it (lameduck history)';
  return new LameduckError('notRunning', message, {}, cause);
}

function toError({ code, message, details }: ErrorBody['error']): LameduckError {
  const known = Object.hasOwn(exitCodes, code) ? (code as ErrorCode) : 'internal';
  return new LameduckError(known, message, { ...(details as object) });
}
