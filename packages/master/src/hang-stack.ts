import type { Readable } from 'node:stream';

/** What a worker's watching thread has written of its blocked main thread. */
export interface HangStack {
  readonly blockedMs: number;
  readonly stack: readonly string[];
}

/** The watching thread needs some time before the kill, and must not be early for short budgets. */
const aheadMs = 1000;
const leastShare = 0.5;
/** An older one is of a time that the worker has survived. */
const freshMs = 10_000;

/** When the stack is taken, so that it is there before a worker of that budget is killed. */
export function captureAfterMs(heartbeatTimeoutMs: number): number {
  return Math.max(heartbeatTimeoutMs * leastShare, heartbeatTimeoutMs - aheadMs);
}

/** Collects what comes on the pipe of a watching thread; gives that of just now. */
export function readHangStack(pipe: Readable): () => HangStack | undefined {
  let text = '';
  let last: HangStack | undefined;
  let heardAt = 0;
  pipe.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (text + chunk).split('\n');
    text = lines.pop() ?? '';
    for (const line of lines) last = JSON.parse(line) as HangStack;
    heardAt = performance.now();
  });
  // A worker that is gone.
  pipe.on('error', () => undefined);
  return () => (performance.now() - heardAt < freshMs ? last : undefined);
}
