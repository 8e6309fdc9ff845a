import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { performance } from 'node:perf_hooks';
import { after, before, it } from 'node:test';
import { parseConfig } from '@lameduck/core';
import { pino } from 'pino';
import { createHealthChecks } from '../../src/checks/create-checks.ts';
import { createThreadedChecks } from '../../src/checks/threaded-checks.ts';
import type { CheckTarget, HealthChecks, HealthNews } from '../../src/ports/health-checks.ts';
import { until } from '../support/rig.ts';

let status = 200;
const server = createServer((_, response) => response.writeHead(status).end());
const opened: HealthChecks[] = [];
before(async () => {
  await once(server.listen(0, '127.0.0.1'), 'listening');
});
after(async () => {
  for (const checks of opened) await checks.close();
  server.closeAllConnections();
  server.close();
});

function targets(count: number): readonly CheckTarget[] {
  const parsed = parseConfig({
    service: 'shop',
    edges: [{ name: 'e', listen: '127.0.0.1:1' }],
    nodes: Array.from({ length: count }, (_, index) => ({
      name: `n${index}`,
      address: `127.0.0.${index + 1}:${(server.address() as AddressInfo).port}`,
      process: { start: 'x' },
    })),
    health: { interval: '50ms', rise: 2, fall: 2 },
  });
  assert.ok(parsed.ok);
  return parsed.config.nodes;
}

it('checks in a thread, tells verdicts in the time of the caller, and obeys', async () => {
  const checks = createThreadedChecks({ onCrash: (reason) => assert.fail(reason) });
  opened.push(checks);
  const news: HealthNews[] = [];
  checks.open(targets(1), (more) => news.push(...more));
  checks.tell(0, { type: 'follow', version: 1, isRunning: true });
  await until('it is up', () => news.at(-1)?.health.verdict === 'up');
  const atMs = news.at(-1)?.health.change?.atMs ?? 0;
  assert.ok(Math.abs(performance.now() - atMs) < 3000, `${atMs} is not now`);
  checks.tell(0, { type: 'forget', version: 2 });
  status = 500;
  await until('it is down', () => news.at(-1)?.health.verdict === 'down');
  assert.equal(news.at(-1)?.version, 2);
  status = 200;
});

it('a thread that ends unasked is replaced, and the checks go on', async () => {
  const crashes: string[] = [];
  const checks = createThreadedChecks({ onCrash: (reason) => crashes.push(reason) });
  opened.push(checks);
  const news: HealthNews[] = [];
  const [good] = targets(1);
  assert.ok(good !== undefined);
  // a pattern that the configuration would have refused throws in the thread, once it is asked for
  const expect = { ...good.health.expect, body: { kind: 'pattern' as const, source: '(', flags: '' } };
  const bad = { ...good, health: { ...good.health, expect } };
  checks.open([good, bad], (more) => news.push(...more));
  checks.tell(1, { type: 'follow', version: 1, isRunning: true });
  await until('it crashed', () => crashes.length > 0);
  checks.tell(1, { type: 'follow', version: 2, isRunning: false });
  checks.tell(0, { type: 'follow', version: 1, isRunning: true });
  await until('the new one checks', () =>
    news.some(({ target, health }) => target === 0 && health.verdict === 'up'),
  );
});

it('few checks get no thread, many do', async () => {
  const configOf = (count: number, interval: string) => {
    const parsed = parseConfig({
      service: 'shop',
      edges: [{ name: 'e', listen: '127.0.0.1:1' }],
      nodes: Array.from({ length: count }, (_, index) => ({
        name: `n${index}`,
        address: `127.0.0.1:${index + 2}`,
        process: { start: 'x' },
      })),
      health: { interval },
    });
    assert.ok(parsed.ok);
    return parsed.config;
  };
  const few = createHealthChecks(configOf(199, '1s'), pino({ level: 'silent' }));
  const many = createHealthChecks(configOf(21, '100ms'), pino({ level: 'silent' }));
  opened.push(few, many);
  assert.deepEqual([few.constructor.name, many.constructor.name], ['CheckLoop', 'ThreadedChecks']);
});
