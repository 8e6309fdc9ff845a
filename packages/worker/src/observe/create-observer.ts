import type { WorkerAssignment } from '@lameduck/core';
import { describeThrown, WorkerError } from '../worker-error.ts';
import { AccessLog } from './access-log.ts';
import { Latency } from './latency.ts';
import { RequestObserver } from './request-observer.ts';

/** What a worker observes of its requests by its assignment; undefined where nothing is asked for. Throws `startFailed`. */
export function createObserver({
  latencyBucketsMs,
  accessLog,
}: WorkerAssignment): RequestObserver | undefined {
  if (latencyBucketsMs === undefined && accessLog === undefined) return undefined;
  const latency = latencyBucketsMs === undefined ? undefined : new Latency(latencyBucketsMs);
  const log = accessLog === undefined ? undefined : openAccessLog(accessLog.path);
  return new RequestObserver(latency, log, accessLog?.format ?? 'json');
}

function openAccessLog(path: string): AccessLog {
  try {
    return new AccessLog(path);
  } catch (thrown) {
    const wanted = 'a file that can be written was wanted';
    const message = `Cannot write access log "${path}": ${wanted}: current value is ${describeThrown(thrown)}`;
    throw new WorkerError('startFailed', message, thrown);
  }
}
