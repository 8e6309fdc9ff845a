export { type Address, formatAddress, parseAddress } from './address.ts';
export type * from './api.ts';
export type * from './api-audit.ts';
export type * from './api-events.ts';
export type * from './api-plan.ts';
export type * from './api-preview.ts';
export type * from './api-rollout.ts';
export type * from './api-traffic.ts';
export { apiHeader, apiRevision, roleHeader, versionHeader } from './api-version.ts';
export {
  countServing,
  findPanic,
  guardRemoval,
  mayIsolate,
  type NodeAvailability,
  type NodeOpinion,
  type Panic,
} from './availability.ts';
export {
  type CanaryJudgement,
  type CanaryObservation,
  type Criterion,
  type CriterionName,
  formatShare,
  judgeCanary,
  type SuccessCriteria,
} from './canary.ts';
export { formatBodyMatch, judgeStatus, matchesBody } from './check-result.ts';
export * from './config.ts';
export type { ApiConfig, ApiTokenConfig } from './config-api.ts';
export { defaults } from './config-defaults.ts';
export { formatPath } from './config-issues.ts';
export type { LaunchConfig } from './config-launch.ts';
export { batchSize, type HooksConfig, type RolloutConfig } from './config-rollout.ts';
export { configSchema } from './config-schema.ts';
export { definedOnly } from './defined-only.ts';
export { formatMs, parseDurationMs } from './duration.ts';
export {
  assertNever,
  type ErrorCode,
  type ErrorDetails,
  exitCodes,
  httpStatuses,
  LameduckError,
} from './errors.ts';
export {
  type CheckResult,
  explainDown,
  failPassively,
  type HealthChange,
  type HealthLimits,
  type HealthState,
  type HealthVerdict,
  isHeld,
  isOnlyHeld,
  stepHealth,
  unknownHealth,
} from './health.ts';
export { firstDelayMs, jitterShare, nextDelayMs } from './health-schedule.ts';
export { type InBandBudget, inBandBudget, waitUntilQuiet } from './in-band.ts';
export {
  type InterruptedOperation,
  interruptedReport,
  type ProcessFacts,
  type Settlement,
  settlementOf,
} from './interruption.ts';
export { type MasterSignal, masterSignals, readMasterSignal } from './master-signals.ts';
export { type NearVariable, nearVariables } from './near-variables.ts';
export { type NodeFacts, nodeState, type OutReason } from './node-state.ts';
export { beginOperation, stepOperation } from './operation.ts';
export { outAfter, type Wish, wishAfter } from './operation-outcome.ts';
export { type PlanLimits, phasesOf, planPhases } from './operation-plan.ts';
export type {
  DeploySpec,
  OperationEffect,
  OperationEvent,
  OperationLimits,
  OperationSpec,
  OperationState,
  OperationTimer,
  ResumePhase,
} from './operation-state.ts';
export { type ParsedConfig, parseConfig } from './parse-config.ts';
export {
  noErrors,
  type PassiveLimits,
  type PassiveState,
  stepPassive,
} from './passive-health.ts';
export { stepPool } from './pool.ts';
export { takersOf } from './pool-hand-off.ts';
export type * from './pool-state.ts';
export { backOffMs, initialPool, poolStatus } from './pool-state.ts';
export type * from './protocol.ts';
export * from './report.ts';
export { beginRollout, isStoppable, stepRollout } from './rollout.ts';
export { type RolloutOptions, resolveRollout } from './rollout-options.ts';
export {
  canariesOf,
  isResumable,
  type RolloutEffect,
  type RolloutEvent,
  type RolloutPlan,
  type RolloutState,
} from './rollout-state.ts';
export { rolloutStatus } from './rollout-status.ts';
export {
  answerOf,
  compareOrders,
  type EdgeAck,
  type EdgeAnswer,
  type EdgeFacts,
  type EdgeOutcome,
  type EdgeProblem,
  firstOrder,
  judgeRemoval,
  judgeReturn,
  judgeRevert,
  type Require,
  type RotationOrder,
  unconverged,
  type Verdict,
} from './rotation.ts';
export { type Machine, runMachine, type Step, type Transition } from './run-machine.ts';
export type { Setting } from './run-setting.ts';
export {
  formatOrigin,
  type Origin,
  type Origins,
  type ParsedSettings,
  parseRunSettings,
  type SettingProblem,
  type SettingSources,
} from './run-settings.ts';
export {
  flagOf,
  largestPool,
  type RunSettings,
  runSettings,
  type SettingName,
  settingList,
  variableOf,
} from './run-settings-table.ts';
export { diffText } from './text-diff.ts';
export {
  addTraffic,
  latencyBucketsMs,
  type NodeTraffic,
  noTraffic,
  quantile,
  subtractTraffic,
} from './traffic.ts';
export {
  initialUpgrade,
  stepUpgrade,
  type UpgradeEffect,
  type UpgradeEvent,
  type UpgradeOutcome,
  type UpgradeSettings,
  type UpgradeState,
  type UpgradeTimer,
} from './upgrade.ts';
