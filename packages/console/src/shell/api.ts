import type {
  AuditEntry,
  HistoryDetail,
  HistoryEntry,
  OperationKind,
  OperationLine,
  OperationReport,
  Preview,
  RolloutCommand,
  RolloutReport,
  RolloutStatus,
  TrafficSample,
} from '@lameduck/core';
import { readToken } from './token.ts';

/** The revision of the API that this page speaks, told with each request. */
const revision = '1';
/** Most time for an answer that is no stream. */
const answerTimeoutMs = 10_000;

/** What the daemon refused, or that it did not answer (`unreachable`). */
export class ApiError extends Error {
  readonly code: string;
  readonly status: number;

  constructor(code: string, message: string, status: number) {
    super(message);
    this.name = 'ApiError';
    this.code = code;
    this.status = status;
  }

  static from(thrown: unknown): ApiError {
    if (thrown instanceof ApiError) return thrown;
    return new ApiError('unreachable', thrown instanceof Error ? thrown.message : String(thrown), 0);
  }
}

/** Calls the daemon that served the page. Rejects with an ApiError. */
export async function call(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  const token = readToken();
  headers.set('lameduck-api', revision);
  if (token !== undefined) headers.set('authorization', `Bearer ${token}`);
  let response: Response;
  try {
    response = await fetch(new URL(path, document.baseURI), { ...init, headers, cache: 'no-store' });
  } catch (error) {
    throw ApiError.from(error);
  }
  if (response.ok) return response;
  throw await readError(response);
}

async function readError(response: Response): Promise<ApiError> {
  const codes: Readonly<Record<number, string>> = { 401: 'unauthorized', 403: 'forbidden' };
  const fallback = codes[response.status] ?? 'internal';
  try {
    const { error } = (await response.json()) as { error?: { code?: string; message?: string } };
    return new ApiError(error?.code ?? fallback, error?.message ?? response.statusText, response.status);
  } catch {
    return new ApiError(fallback, `The daemon answered ${response.status}`, response.status);
  }
}

async function get<T>(path: string): Promise<T> {
  const response = await call(path, { signal: AbortSignal.timeout(answerTimeoutMs) });
  try {
    return (await response.json()) as T;
  } catch (error) {
    throw ApiError.from(error);
  }
}

function post(path: string, body: unknown): Promise<Response> {
  return call(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': newKey() },
    body: JSON.stringify(body),
  });
}

/** `crypto.randomUUID` is missing on pages that come over plain HTTP from another machine. */
function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

export function getTraffic(sinceMs: number): Promise<readonly TrafficSample[]> {
  return get(`v1/traffic?since=${Math.floor(sinceMs)}`);
}

export interface ListQuery {
  readonly limit: number;
  readonly search?: string;
  readonly node?: string;
  readonly before?: number;
}

function queryOf({ limit, search, node, before }: ListQuery): string {
  const query = new URLSearchParams({ limit: String(limit) });
  if (search) query.set('search', search);
  if (node) query.set('node', node);
  if (before !== undefined) query.set('before', String(before));
  return query.toString();
}

export function getHistory(query: ListQuery): Promise<readonly HistoryEntry[]> {
  return get(`v1/history?${queryOf(query)}`);
}

export function getOperation(id: string): Promise<HistoryDetail> {
  return get(`v1/history/${encodeURIComponent(id)}`);
}

export function getAudit(query: ListQuery): Promise<readonly AuditEntry[]> {
  return get(`v1/audit?${queryOf(query)}`);
}

export function getPreview(kind: OperationKind, node: string): Promise<Preview> {
  return get(`v1/preview/${kind}/${encodeURIComponent(node)}`);
}

/**
 * Asks for an operation; resolves with its report at its end. `onBegun` is called with the first sign of life. The
 * operation goes on when the page goes away.
 */
export async function operate(
  kind: OperationKind,
  node: string,
  force: boolean,
  onBegun: () => void,
): Promise<OperationReport> {
  const response = await post(`v1/nodes/${encodeURIComponent(node)}/${kind}`, force ? { force } : {});
  return (await readReport(response, onBegun)) as OperationReport;
}

export interface RolloutRequest {
  readonly batch?: number;
  readonly canary?: number;
  readonly soakMs?: number;
}

export async function beginRollout(request: RolloutRequest, onBegun: () => void): Promise<RolloutReport> {
  const response = await post('v1/rollout', request);
  return (await readReport(response, onBegun)) as RolloutReport;
}

export async function steerRollout(command: RolloutCommand): Promise<RolloutStatus> {
  return (await (await post(`v1/rollout/${command}`, {})).json()) as RolloutStatus;
}

export async function holdService(command: 'pause' | 'resume'): Promise<void> {
  await post(`v1/${command}`, {});
}

/** The end of a node's log, then each line that comes, until the signal aborts. Rejects with an ApiError. */
export async function followLog(
  node: string,
  lines: number,
  signal: AbortSignal,
  onLine: (line: string) => void,
): Promise<void> {
  const path = `v1/nodes/${encodeURIComponent(node)}/logs?lines=${lines}&follow=true`;
  for await (const { line } of linesOf<{ readonly line: string }>(await call(path, { signal }))) onLine(line);
}

async function readReport(response: Response, onBegun: () => void): Promise<OperationReport | RolloutReport> {
  let report: OperationReport | RolloutReport | undefined;
  for await (const line of linesOf<OperationLine>(response)) {
    if (line.type === 'error') throw new ApiError(line.error.code, line.error.message, response.status);
    if (line.type === 'report') report = line.report;
    // the first step is the guard's: what it refuses never began
    else if (!(line.type === 'phase' && line.phase === 'check')) onBegun();
  }
  if (report === undefined) throw new ApiError('unreachable', 'The stream ended without a report', 0);
  return report;
}

async function* linesOf<T>(response: Response): AsyncGenerator<T> {
  if (response.body === null) return;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read().catch((error: unknown) => {
      throw ApiError.from(error);
    });
    const lines = (rest + (value ?? '')).split('\n');
    rest = done ? '' : (lines.pop() ?? '');
    for (const line of lines) if (line.trim() !== '') yield JSON.parse(line) as T;
    if (done) return;
  }
}
