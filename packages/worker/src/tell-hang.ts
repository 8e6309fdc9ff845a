import { createRequire } from 'node:module';

const mostFrames = 50;

/**
 * Tells where this process stands when its event loop does not turn, and the master asks by SIGUSR1. Signals, reports
 * and diagnostic channels all need that loop; but for SIGUSR1 Node's own thread interrupts the JavaScript that runs,
 * starts the inspector and calls listeners of this event in the middle of it (a loop, a regular expression,
 * `Atomics.wait`). So there is nothing to pay before. The inspector is closed within the same call; the path that it
 * wants of whoever connects is told on standard error alone (`--inspect-publish-uid`, given by the master).
 */
export function tellHang(tell: (stack: readonly string[]) => void): void {
  // Any free port: several may be asked at once.
  process.debugPort = 0;
  (process as NodeJS.EventEmitter).on('internalMessage', (message: { readonly cmd?: unknown } | null) => {
    if (message?.cmd !== 'NODE_DEBUG_ENABLED') return;
    const stack = stackBelow(process.emit);
    createRequire(import.meta.url)('node:inspector').close();
    if (stack.length > 0) tell(stack);
  });
}

/** The frames under the topmost call of `above`; none where it was called by the event loop itself. */
function stackBelow(above: (...args: never[]) => unknown): readonly string[] {
  const { stackTraceLimit } = Error;
  const trace: { stack?: unknown } = {};
  Error.stackTraceLimit = mostFrames;
  Error.captureStackTrace(trace, above);
  // An application may have them made as something else than text.
  const lines = String(trace.stack).split('\n').slice(1);
  Error.stackTraceLimit = stackTraceLimit;
  return lines.map((line) => line.trim().replace(/^at /, ''));
}
