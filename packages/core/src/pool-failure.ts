import type { PoolFailure, PoolSettings, PoolWorker } from './pool-state.ts';
import type { StartStep } from './protocol.ts';

/** What a worker has not done that is not ready. */
const undone: Readonly<Record<StartStep, string>> = {
  loading: 'its module has neither exported an application nor called listen()',
  startup: 'its startup() has not ended',
  preparing: 'its application, or the function that makes it, has not become ready',
  warmUp: 'it has not answered all that --warm-up asks for, which may take five seconds',
  waitReady: "its program has not said process.send('ready'), which --wait-ready waits for",
};

/** Why a worker that exited was of no use. One that could not start did not, whatever its exit code. */
export function describeExit(
  worker: PoolWorker,
  exit: { readonly code: number | null; readonly signal: string | null },
  settings: PoolSettings,
): PoolFailure {
  const isUnusable = worker.failure !== undefined || exit.code === 3 || isOwnEnd(worker, exit.code);
  return {
    code: isUnusable ? 'entryUnusable' : 'startFailed',
    message: worker.failure ?? `the worker ${howItEnded(worker, exit, settings)}`,
  };
}

/** Why a worker that booted for too long was given up; `ready` where it had given a sign of life. */
export function describeDelay(
  worker: PoolWorker,
  timer: 'boot' | 'ready',
  settings: PoolSettings,
): PoolFailure {
  const { bootTimeoutMs, readyTimeoutMs } = settings;
  const what =
    timer === 'boot'
      ? `gave no sign of life within ${bootTimeoutMs} ms`
      : `was not ready within ${readyTimeoutMs} ms`;
  const why =
    worker.step === undefined
      ? `Node has not reached the application${before(settings)}`
      : undone[worker.step];
  const message = worker.failure ?? `the worker ${what} (--ready-timeout): ${why}`;
  return { code: 'entryUnusable', message };
}

function isOwnEnd({ state }: PoolWorker, code: number | null): boolean {
  return state === 'booting' && code !== null;
}

function howItEnded(
  worker: PoolWorker,
  { code, signal }: { readonly code: number | null; readonly signal: string | null },
  settings: PoolSettings,
): string {
  if (code === null) return `was ended by ${signal}`;
  if (worker.state === 'ready' && worker.isAvailable === false)
    return `exited with code ${code} when it was ready, before --min-ready was over`;
  if (worker.state !== 'booting') return `exited with code ${code}`;
  return worker.step === undefined
    ? `exited with code ${code} before Node had reached the application${before(settings)}: Node's own message is in the log`
    : `exited with code ${code} before it was ready: ${undone[worker.step]}`;
}

function before({ nodeArguments }: PoolSettings): string {
  return nodeArguments === undefined ? '' : ` (${nodeArguments})`;
}
