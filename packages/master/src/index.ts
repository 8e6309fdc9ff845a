export { type Master, runMaster, startMaster } from './master.ts';
export type { MasterOptions } from './options.ts';
export { obeySignals, type SignalSource } from './signals.ts';
