import { performance } from 'node:perf_hooks';
import { type Address, type CheckResult, formatAddress, type HealthConfig } from '@lameduck/core';
import { Client } from 'undici';
import type { HealthChecker } from '../../ports/health-checker.ts';

/**
 * GET over one kept connection for each node. The time-out is our own: undici's own timers are up to a second
 * late. A failed check closes the connection, so that the next one meets the node as a new client would.
 */
export function createHttpChecker(): HealthChecker {
  const clients = new Map<string, Client>();

  function clientFor(address: Address): Client {
    const key = formatAddress(address);
    const client = clients.get(key) ?? connect(address);
    clients.set(key, client);
    return client;
  }

  return {
    async check(address, health) {
      const client = clientFor(address);
      const result = await request(client, health);
      if (!result.passed && clients.get(formatAddress(address)) === client) {
        clients.delete(formatAddress(address));
        await client.destroy();
      }
      return result;
    },
    async close() {
      await Promise.all([...clients.values()].map((client) => client.destroy()));
      clients.clear();
    },
  };
}

function connect(address: Address): Client {
  // a check must never reuse a connection that the node is about to close
  const options = { keepAliveTimeout: 1500, keepAliveMaxTimeout: 1500, pipelining: 1 };
  return address.kind === 'unix'
    ? new Client('http://localhost', { ...options, socketPath: address.path })
    : new Client(`http://${formatAddress(address)}`, options);
}

function request(client: Client, health: HealthConfig): Promise<CheckResult> {
  const beganAt = performance.now();
  const { promise, resolve } = Promise.withResolvers<CheckResult>();
  const abort = new AbortController();
  const end = (passed: boolean, detail: string): void => {
    clearTimeout(timer);
    resolve({ passed, detail, ms: Math.round((performance.now() - beganAt) * 10) / 10 });
  };
  const timer = setTimeout(() => {
    end(false, `no answer in ${health.timeoutMs} ms`);
    abort.abort();
  }, health.timeoutMs);
  client
    .request({
      path: health.path,
      method: 'GET',
      signal: abort.signal,
      headers: { 'user-agent': 'lameduck' },
    })
    .then(async ({ statusCode, body }) => {
      await body.dump();
      const { from, to } = health.expectStatus;
      const wanted = from === to ? `${from}` : `${from}-${to}`;
      const passed = statusCode >= from && statusCode <= to;
      end(passed, passed ? `status ${statusCode}` : `status ${statusCode}, wanted ${wanted}`);
    })
    .catch((error: Error) => end(false, describe(error)));
  return promise;
}

function describe(error: Error & { code?: string }): string {
  const inner = error instanceof AggregateError ? error.errors[0] : error;
  const code = (inner as { code?: string }).code;
  return code === undefined
    ? error.message
    : `${code}${error.message.includes(code) ? '' : ` ${error.message}`}`;
}
