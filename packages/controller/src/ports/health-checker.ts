import type { Address, CheckResult, HealthConfig } from '@lameduck/core';

/** Asks one node whether it is ready. Never rejects: whatever goes wrong is a check that failed, with its reason. */
export interface HealthChecker {
  check(address: Address, health: HealthConfig): Promise<CheckResult>;
  close(): Promise<void>;
}
