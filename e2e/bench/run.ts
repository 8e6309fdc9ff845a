// `make bench`: each server beside its peer in one run, in turn, pair by pair; only ratios are claimed, because
// absolute rates follow the machine. `--pairs N` (default 7), `--ms N` for one measurement (default 3000).
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { parseArgs } from 'node:util';
import {
  bare,
  cluster,
  gunicorn,
  lameduck,
  type RunningTarget,
  startTarget,
  type Target,
} from './targets.ts';

const { values } = parseArgs({
  options: { pairs: { type: 'string', default: '7' }, ms: { type: 'string', default: '3000' } },
});
const pairs = Number(values.pairs);
const runMs = Number(values.ms);
const connections = 32;
// the loader has a core of its own, so that it does not take turns with the server that it measures
const loaderCpu = '1';

interface Sample {
  readonly rate: number;
  readonly cpuUsPerRequest: number;
  readonly p99: number;
  readonly failed: number;
}

type Traffic = 'keep' | 'close';

async function measure(target: RunningTarget, traffic: Traffic): Promise<Sample> {
  const args = [join(import.meta.dirname, 'loader.ts'), target.port, connections, runMs, traffic].map(String);
  const before = target.cpuMs();
  const loader = spawn('taskset', ['-c', loaderCpu, process.execPath, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [output] = await Promise.all([text(loader.stdout), once(loader, 'close')]);
  const { answered, failed, p99 } = JSON.parse(output) as { answered: number; failed: number; p99: number };
  const cpuMs = target.cpuMs() - before;
  return { rate: (answered * 1000) / runMs, cpuUsPerRequest: (cpuMs * 1000) / answered, p99, failed };
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

function spread(numbers: readonly number[], digits: number): string {
  const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
  return `${median(numbers).toFixed(digits)} (${low.toFixed(digits)} to ${high.toFixed(digits)})`;
}

function say(line = ''): void {
  process.stdout.write(`${line}\n`);
}

/** Ours and the peer in turn, the first of a pair changing, so that neither always meets a warmer machine. */
async function compare(ours: Target, peer: Target, traffic: Traffic): Promise<void> {
  const [one, other] = await Promise.all([startTarget(ours), startTarget(peer)]);
  const samples: { ours: Sample; peer: Sample }[] = [];
  try {
    for (const target of [one, other]) await measure(target, traffic);
    for (let index = 0; index < pairs; index += 1) {
      const isFirst = index % 2 === 0;
      const first = await measure(isFirst ? one : other, traffic);
      const second = await measure(isFirst ? other : one, traffic);
      samples.push(isFirst ? { ours: first, peer: second } : { ours: second, peer: first });
    }
  } finally {
    await Promise.all([one.stop(), other.stop()]);
  }
  const ratio = (pick: (sample: Sample) => number): string =>
    spread(
      samples.map((pair) => pick(pair.ours) / pick(pair.peer)),
      2,
    );
  const failed = samples.reduce((sum, pair) => sum + pair.ours.failed, 0);
  say(`${ours.name}  against  ${peer.name}  (${traffic === 'keep' ? 'keep-alive' : 'a connection each'})`);
  say(`  throughput ratio        ${ratio((sample) => sample.rate)}`);
  say(`  CPU per request ratio   ${ratio((sample) => sample.cpuUsPerRequest)}`);
  say(`  p99 ratio               ${ratio((sample) => sample.p99)}`);
  say(`  ours: ${Math.round(median(samples.map((pair) => pair.ours.rate)))} requests/s, failed ${failed}\n`);
}

say(`${pairs} pairs of ${runMs} ms each, ${connections} connections; median (least to most)\n`);
await compare(lameduck(1), bare, 'keep');
await compare(lameduck(2), cluster(2), 'keep');
await compare(lameduck(2), cluster(2), 'close');
await compare(lameduck(2), gunicorn(2), 'keep');
