export type { Application } from './application.ts';
export { counts, inFlight } from './counts.ts';
export { drainSignal } from './drain-signal.ts';
export type { AttachOptions, ServeOptions } from './options.ts';
export { requestSignal } from './request-signal.ts';
export { attach, type RunningServer, serve } from './serve.ts';
export type { Counts, DrainReport } from './shared-state.ts';
export { type WorkerContext, workerContext } from './worker-context.ts';
