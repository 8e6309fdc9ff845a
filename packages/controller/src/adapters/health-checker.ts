import type { Address, HealthConfig } from '@lameduck/core';
import type { HealthChecker } from '../ports/health-checker.ts';
import { createHttpChecker } from './http-check/checker.ts';
import { createTcpChecker } from './tcp-check/checker.ts';

/** Checks by HTTP or by TCP, as the target wants it, at the port that it names. */
export function createHealthChecker(): HealthChecker {
  const checkers = { http: createHttpChecker(), tcp: createTcpChecker() };
  return {
    check: (address, health) => checkers[health.type].check(checkedAddress(address, health), health),
    close: async () => {
      await Promise.all([checkers.http.close(), checkers.tcp.close()]);
    },
  };
}

function checkedAddress(address: Address, { port }: HealthConfig): Address {
  return address.kind === 'unix' || port === undefined ? address : { ...address, port };
}
