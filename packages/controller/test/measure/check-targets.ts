// Started by e2e/measure/health-checks.ts: checks many targets each second with the product's own checks until SIGTERM, then prints
// how late the loop of its main thread was. Arguments: loop|thread TARGETS PORT PATH JITTER
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { type Config, parseConfig } from '@lameduck/core';
import { pino } from 'pino';
import { systemClock } from '../../src/adapters/system/clock.ts';
import { createHealthChecks } from '../../src/checks/create-checks.ts';
import { createThreadedChecks } from '../../src/checks/threaded-checks.ts';

/** One of many loopback addresses, all of which one server on the wildcard address answers for. */
function targetHost(index: number): string {
  return `127.1.${Math.floor(index / 250)}.${(index % 250) + 1}`;
}

const [kind, targets, port, path, jitter] = process.argv.slice(2);
const parsed = parseConfig({
  service: 'many',
  edges: [{ name: 'edge-1', listen: '127.0.0.1:1' }],
  nodes: Array.from({ length: Number(targets) }, (_, index) => ({
    name: `n${index}`,
    address: `${targetHost(index)}:${port}`,
    process: { start: 'true' },
  })),
  health: { path, interval: '1s', timeout: '1s' },
});
if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems.slice(0, 3)));
const config: Config = parsed.config;
const checks =
  kind === 'thread'
    ? createThreadedChecks({
        jitter: Number(jitter),
        onCrash: (reason) => process.stderr.write(`${reason}\n`),
      })
    : createHealthChecks(config, pino({ level: 'silent' }));
const verdicts = new Map<number, string>();
const since = systemClock.now();
let newsCount = 0;
checks.open(
  config.nodes.map(({ address, health }) => ({ address, health })),
  (news) => {
    newsCount += news.length;
    for (const { target, health } of news) verdicts.set(target, health.verdict);
  },
);
for (const target of config.nodes.keys())
  checks.tell(target, { type: 'follow', version: 1, isRunning: true });
const delay = monitorEventLoopDelay({ resolution: 10 });
setTimeout(() => delay.enable(), 5000);
process.once('SIGTERM', () => {
  const up = [...verdicts.values()].filter((verdict) => verdict === 'up').length;
  const loopMs = Math.max(0, delay.percentile(99) / 1e6 - 10);
  process.stdout.write(`${JSON.stringify({ up, newsCount, loopMs, ms: systemClock.now() - since })}\n`);
  void checks.close().then(() => process.exit(0));
});
