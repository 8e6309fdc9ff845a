export { hookNames, type MasterHooks } from './hooks.ts';
export { type Launch, takeLaunch } from './launch.ts';
export { type Master, runMaster, startMaster } from './master.ts';
export type { MasterOptions, MetricsOptions } from './options.ts';
export { obeySignals, type SignalSource } from './signals.ts';
