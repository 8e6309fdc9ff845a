export { type Address, formatAddress, parseAddress } from './address.ts';
export { formatMs, parseDurationMs } from './duration.ts';
export {
  assertNever,
  type ErrorCode,
  type ErrorDetails,
  exitCodes,
  httpStatuses,
  LameduckError,
} from './errors.ts';
export type * from './protocol.ts';
export { type Machine, runMachine, type Step, type Transition } from './run-machine.ts';
