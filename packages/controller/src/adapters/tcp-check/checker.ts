import { connect, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import type { Address, CheckResult } from '@lameduck/core';
import type { HealthChecker } from '../../ports/health-checker.ts';
import { describeFailure } from '../describe-failure.ts';

/** Opens a connection and closes it: passes where one is accepted. Nothing is sent. */
export function createTcpChecker(): HealthChecker {
  const open = new Set<Socket>();
  return {
    check: (address, { timeoutMs }) => checkOnce(address, timeoutMs, open),
    async close() {
      for (const socket of open) socket.destroy();
    },
  };
}

function checkOnce(address: Address, timeoutMs: number, open: Set<Socket>): Promise<CheckResult> {
  const beganAt = performance.now();
  return new Promise((resolve) => {
    const socket = connect(
      address.kind === 'unix' ? { path: address.path } : { host: address.host, port: address.port },
    );
    open.add(socket);
    const end = (passed: boolean, detail: string): void => {
      clearTimeout(timer);
      socket.destroy();
      open.delete(socket);
      resolve({ passed, detail, ms: Math.round((performance.now() - beganAt) * 10) / 10 });
    };
    const giveUp = (): void => end(false, `no connection in ${timeoutMs} ms`);
    // what came while this process was busy is seen first: a late check is no late node
    const timer = setTimeout(() => setImmediate(giveUp), timeoutMs);
    socket.once('connect', () => end(true, 'connected'));
    socket.on('error', (error) => end(false, describeFailure(error)));
    socket.once('close', () => end(false, 'the check was ended'));
  });
}
