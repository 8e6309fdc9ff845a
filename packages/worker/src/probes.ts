import type { IncomingMessage, ServerResponse } from 'node:http';

/** Paths that are answered before the application; an empty path switches a probe off. */
export interface ProbePaths {
  readonly readinessPath: string;
  readonly livenessPath: string;
}

function isPath(url: string, path: string): boolean {
  if (path === '' || url.length < path.length || !url.startsWith(path)) return false;
  return url.length === path.length || url.charCodeAt(path.length) === 63; // ?
}

/** Which probe is asked for, if any: exact path, any query, GET or HEAD. On the hot path, so nothing is parsed. */
export function findProbe(request: IncomingMessage, paths: ProbePaths): 'readiness' | 'liveness' | undefined {
  const url = request.url ?? '';
  const isReadiness = isPath(url, paths.readinessPath);
  if (!isReadiness && !isPath(url, paths.livenessPath)) return undefined;
  if (request.method !== 'GET' && request.method !== 'HEAD') return undefined;
  return isReadiness ? 'readiness' : 'liveness';
}

/** Readiness: 200 `ready`, or 503 with the phase. Liveness: 200 as long as the event loop turns. */
export function answerProbe(
  probe: 'readiness' | 'liveness',
  phase: 'starting' | 'ready' | 'draining',
  response: ServerResponse,
): void {
  const isOk = probe === 'liveness' || phase === 'ready';
  const body = `${JSON.stringify({ status: probe === 'liveness' ? 'live' : phase })}\n`;
  response.writeHead(isOk ? 200 : 503, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
  });
  response.end(body);
}
