import type {
  AuditEntry,
  HistoryDetail,
  HistoryEntry,
  OperationKind,
  OperationLine,
  OperationPlan,
  OperationProgress,
  OperationReport,
  PauseStatus,
  Preview,
  RolloutCommand,
  RolloutOptions,
  RolloutReport,
  RolloutStatus,
  ServiceStatus,
  TrafficSample,
  WeightReport,
} from '@lameduck/core';
import { ApiError, wentAway } from './error.ts';
import { type EventUpdate, followEvents } from './events.ts';
import type { Answer, Fetch } from './fetch.ts';
import { readLines } from './read-lines.ts';
import { createRequester, type Request } from './request.ts';

export interface ClientOptions {
  readonly fetch: Fetch;
  /** `https://host:port`, without a path; empty for the page's own origin. */
  readonly url: string;
  /** Or what gives it, for each request anew. */
  readonly token?: string | (() => string | undefined);
  /** Sent with each request. */
  readonly headers?: Readonly<Record<string, string>>;
}

export interface ListOptions {
  readonly limit?: number;
  /** Entries with a smaller id. */
  readonly before?: number;
  readonly search?: string;
}

type OnProgress = (progress: OperationProgress) => void;

/** The API of one controller. Everything throws `ApiError`. */
export interface ApiClient {
  status(signal?: AbortSignal): Promise<ServiceStatus>;
  history(options?: ListOptions & { readonly node?: string }): Promise<readonly HistoryEntry[]>;
  operation(id: number): Promise<HistoryDetail>;
  audit(options?: ListOptions): Promise<readonly AuditEntry[]>;
  preview(kind: OperationKind, node: string): Promise<Preview>;
  traffic(sinceMs?: number): Promise<readonly TrafficSample[]>;
  /** Resolves with the report; sent again with the same key it is the same operation. */
  operate(
    kind: OperationKind,
    node: string,
    onProgress: OnProgress,
    options?: { readonly force?: boolean; readonly key?: string },
  ): Promise<OperationReport>;
  /** What the operation would do; touches nothing. */
  planOperation(
    kind: OperationKind,
    node: string,
    options?: { readonly force?: boolean },
  ): Promise<OperationPlan>;
  rollout(request: RolloutOptions, onProgress: OnProgress, key?: string): Promise<RolloutReport>;
  planRollout(request: RolloutOptions): Promise<OperationPlan>;
  commandRollout(command: RolloutCommand): Promise<RolloutStatus>;
  /** Until it is set again; without one it is the configured weight. */
  setWeight(node: string, weight?: number): Promise<WeightReport>;
  pause(holdMs?: number): Promise<{ readonly paused: PauseStatus }>;
  resume(): Promise<object>;
  /** In Prometheus' text format. */
  metrics(): Promise<string>;
  /** The end of a node's log, then, where it is followed, what comes until the signal aborts. */
  logs(
    node: string,
    options: { readonly lines: number; readonly isFollowing: boolean },
    signal: AbortSignal,
  ): AsyncGenerator<string, undefined>;
  /**
   * Everything that happens, until the signal aborts; takes up where it was when the connection breaks, and begins
   * after `lastId` where that is given.
   */
  events(signal: AbortSignal, lastId?: string): AsyncGenerator<EventUpdate, undefined>;
}

export function createApiClient(options: ClientOptions): ApiClient {
  const ask = createRequester(options);
  const get = async <T>(path: string, query?: Request['query'], signal?: AbortSignal): Promise<T> =>
    readJson<T>(await ask({ method: 'GET', path, ...(query && { query }), ...(signal && { signal }) }));
  const post = async <T>(path: string, body: object = {}): Promise<T> =>
    readJson<T>(await ask({ method: 'POST', path, body }));
  return {
    status: (signal) => get('/v1/status', undefined, signal),
    history: (list) => get('/v1/history', { ...list }),
    operation: (id) => get(`/v1/history/${id}`),
    audit: (list) => get('/v1/audit', { ...list }),
    preview: (kind, node) => get(`/v1/preview/${kind}/${encodeURIComponent(node)}`),
    traffic: (since) => get('/v1/traffic', { since }),
    async operate(kind, node, onProgress, { force, key } = {}) {
      const path = `/v1/nodes/${encodeURIComponent(node)}/${kind}`;
      const body = force === undefined ? {} : { force };
      return (await readReport(
        await ask({ method: 'POST', path, body, key }),
        onProgress,
      )) as OperationReport;
    },
    async rollout(body, onProgress, key) {
      const answer = await ask({ method: 'POST', path: '/v1/rollout', body, key });
      return (await readReport(answer, onProgress)) as RolloutReport;
    },
    planOperation: (kind, node, given = {}) =>
      post(`/v1/nodes/${encodeURIComponent(node)}/${kind}`, { ...given, dryRun: true }),
    planRollout: (request) => post('/v1/rollout', { ...request, dryRun: true }),
    commandRollout: (command) => post(`/v1/rollout/${command}`),
    setWeight: (node, weight) =>
      post(`/v1/nodes/${encodeURIComponent(node)}/weight`, weight === undefined ? {} : { weight }),
    pause: (holdMs) => post('/v1/pause', holdMs === undefined ? {} : { holdMs }),
    resume: () => post('/v1/resume'),
    metrics: async () => (await ask({ method: 'GET', path: '/metrics' })).text(),
    logs: (node, { lines, isFollowing }, signal) => {
      const path = `/v1/nodes/${encodeURIComponent(node)}/logs`;
      const query = { lines, follow: String(isFollowing) };
      return readLog(ask({ method: 'GET', path, query, signal }));
    },
    events: (signal, lastId) => followEvents(ask, signal, lastId),
  };
}

async function readJson<T>(answer: Answer): Promise<T> {
  const text = await answer.text().catch((cause: unknown) => {
    throw wentAway(cause);
  });
  try {
    return JSON.parse(text) as T;
  } catch {
    throw new ApiError('notTheApi', 'Cannot read the answer: JSON is wanted', answer.status);
  }
}

async function* readLog(asked: Promise<Answer>): AsyncGenerator<string, undefined> {
  for await (const text of readLines(await asked)) yield (JSON.parse(text) as { line: string }).line;
  return undefined;
}

async function readReport(answer: Answer, onProgress: OnProgress): Promise<OperationReport | RolloutReport> {
  for await (const text of readLines(answer)) {
    const line = JSON.parse(text) as OperationLine;
    if (line.type === 'report') return line.report;
    if (line.type === 'error') throw new ApiError(line.error.code, line.error.message);
    onProgress(line);
  }
  throw wentAway();
}
