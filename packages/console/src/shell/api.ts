import { type ApiClient, ApiError, createApiClient, type Fetch } from '@lameduck/client';
import type { OperationKind, OperationReport, RolloutOptions, RolloutReport } from '@lameduck/core';
import { readToken } from './token.ts';

export { ApiError };

/** Most time for an answer that is no stream. */
const answerTimeoutMs = 10_000;

/** What looks only, and has no signal of its own, is given up after a while; an operation takes as long as it takes. */
const ask: Fetch = async (url, { signal, ...asking }) => {
  const bound = asking.method === 'GET' ? AbortSignal.timeout(answerTimeoutMs) : null;
  const answer = await fetch(url, { ...asking, signal: signal ?? bound, cache: 'no-store' });
  // the stream of events, which has its signal, tells it by itself
  if (answer.status === 401 && signal === undefined) token.refused();
  return answer;
};

/** What is done when the daemon does not take the token, which the page may have lost since it came. */
export const token: { refused: () => void } = { refused: () => {} };

/** The API of the daemon that served the page, with the token of this tab. */
export const api: ApiClient = createApiClient({
  fetch: ask,
  // a proxy may serve the page under a path
  url: new URL('.', document.baseURI).href.replace(/\/$/, ''),
  token: readToken,
});

/** The operation goes on when the page goes away; sent again by the browser it is the same one. */
export function operate(kind: OperationKind, node: string, force: boolean): Promise<OperationReport> {
  return api.operate(kind, node, () => {}, { ...(force && { force }), key: newKey() });
}

export function beginRollout(request: RolloutOptions): Promise<RolloutReport> {
  return api.rollout(request, () => {}, newKey());
}

/** `crypto.randomUUID` is missing on pages that come over plain HTTP from another machine. */
function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** The end of a node's log, then each line that comes, until the signal aborts. Rejects with an ApiError. */
export async function followLog(
  node: string,
  lines: number,
  signal: AbortSignal,
  onLine: (line: string) => void,
): Promise<void> {
  for await (const line of api.logs(node, { lines, isFollowing: true }, signal)) onLine(line);
}
