/*
 * A thread beside the one that serves: signals, reports and diagnostic channels all need an event loop that turns;
 * the inspector does not. Measured: the stack of a loop, a regular expression or Atomics.wait within 30 ms. Nothing
 * is attached before the loop is blocked.
 */
import { writeSync } from 'node:fs';
import { Session } from 'node:inspector';
import { workerData } from 'node:worker_threads';
import type { HangWatchData } from './watch-hang.ts';

const lookMs = 100;
const mostFrames = 50;

const { turns, fd, afterMs } = workerData as HangWatchData;
const view = new Int32Array(turns);
let lastTurn = Atomics.load(view, 0);
let turnedAt = performance.now();
let isTold = false;

setInterval(() => {
  const turn = Atomics.load(view, 0);
  if (turn !== lastTurn) {
    lastTurn = turn;
    turnedAt = performance.now();
    isTold = false;
  } else if (!isTold && performance.now() - turnedAt >= afterMs) {
    isTold = true;
    captureStack();
  }
}, lookMs);

interface Frame {
  readonly functionName: string;
  readonly location: {
    readonly scriptId: string;
    readonly lineNumber: number;
    readonly columnNumber?: number;
  };
}

function captureStack(): void {
  const session = new Session();
  // There since Node 12, and only for threads that are not the main one.
  session.connectToMainThread();
  // The frames themselves name no file where the debugger came later than the code.
  const files = new Map<string, string>();
  session.on('Debugger.scriptParsed', ({ params }) => files.set(params.scriptId, params.url));
  session.on('Debugger.paused', ({ params }) => {
    tell(params.callFrames as readonly Frame[], files);
    session.post('Debugger.resume', () => session.disconnect());
  });
  session.post('Debugger.enable');
  session.post('Debugger.pause');
}

function tell(frames: readonly Frame[], files: ReadonlyMap<string, string>): void {
  const stack = frames.slice(0, mostFrames).map(({ functionName, location }) => {
    const place = `${files.get(location.scriptId) ?? '?'}:${location.lineNumber + 1}:${(location.columnNumber ?? 0) + 1}`;
    return `${functionName === '' ? '<anonymous>' : functionName} (${place})`;
  });
  const blockedMs = Math.round(performance.now() - turnedAt);
  writeSync(fd, `${JSON.stringify({ blockedMs, stack })}\n`);
}
