export { type FormatOptions, formatLedger } from './format.ts';
export { defaultMix, type Kind, kinds, type Mix, parseMix, spreadConnections } from './kinds.ts';
export type { LoadOptions, Range, Shapes } from './options.ts';
export type { LossReason } from './outcome.ts';
export { joinLedgers, readServerLedger, type ServerEntry, type ServerLedgers } from './read-server-ledger.ts';
export type { Counts, Latency, LedgerResult, Loss, Phase, ServerSide } from './result.ts';
export { type Load, runLoad } from './run-load.ts';
export { type ServerLedger, type ServerLedgerOptions, serverLedger } from './server-ledger.ts';
export { UsageError } from './usage-error.ts';
