import { setTimeout as pause } from 'node:timers/promises';
import { connectionSpread } from './connection-spread.ts';
import { median, say, spread } from './figures.ts';
import { missing, type RunningTarget, startTarget, type Target } from './targets.ts';
import { connections, runWrk, type Traffic } from './wrk.ts';

export interface Rounds {
  readonly pairs: number;
  /** Of one measurement. */
  readonly runMs: number;
  /** Only rows in whose names this occurs; empty for all. */
  readonly rows: string;
}

interface Sample {
  readonly rate: number;
  readonly cpuUsPerRequest: number;
  readonly p99: number;
  readonly failed: number;
  /** Connections of the worker with the fewest, near the end. */
  readonly fewest: number;
}

interface Pair {
  readonly ours: Sample;
  readonly peer: Sample;
}

/** Then both are started anew: what V8 makes of the same program differs by some per cent from start to start. */
const pairsOfStart = 3;
/** When in a run the connections are counted. */
const lateShare = 0.7;

async function measure(target: RunningTarget, traffic: Traffic, runMs: number): Promise<Sample> {
  const before = target.cpuMs();
  const [{ answered, ...rest }, fewest] = await Promise.all([
    runWrk(target.port, traffic, runMs),
    pause(runMs * lateShare).then(() => fewestOf(target)),
  ]);
  return { ...rest, cpuUsPerRequest: ((target.cpuMs() - before) * 1000) / answered, fewest };
}

function fewestOf({ pid, port, workers }: RunningTarget): number {
  // nothing to spread; to look costs CPU that is measured
  if (workers === 1) return connections;
  const spread = connectionSpread(pid, port);
  return spread.length < workers ? 0 : (spread[0] ?? 0);
}

const trafficNames: Readonly<Record<Traffic, string>> = {
  keep: 'keep-alive',
  close: 'one each',
  post: 'keep-alive, POST of JSON',
};

/** The table's head. */
export function sayHead({ pairs, runMs }: Rounds): void {
  say(
    `${pairs} pairs of ${runMs} ms each, ${connections} connections; ours / peer: median (least to most)\n`,
  );
  say(
    '| ours | peer | connections | throughput | CPU per request | p99 | failed: ours, peer | fewest connections of a worker: ours, peer |',
  );
  say('|---|---|---|---|---|---|---|---|');
}

/** Ours and the peer in turn, the first of a pair changing, so that neither always meets a warmer machine. */
export async function compare(ours: Target, peer: Target, traffic: Traffic, rounds: Rounds): Promise<void> {
  if (!`${ours.name} ${peer.name}`.includes(rounds.rows)) return;
  const absent = missing(peer);
  if (absent !== undefined) {
    say(`| ${ours.name} | ${absent} | | | | | |`);
    return;
  }
  const samples: Pair[] = [];
  while (samples.length < rounds.pairs) {
    const left = Math.min(pairsOfStart, rounds.pairs - samples.length);
    samples.push(...(await comparePairs(ours, peer, traffic, { ...rounds, pairs: left })));
  }
  sayRow(ours.name, peer.name, traffic, samples);
}

async function comparePairs(
  ours: Target,
  peer: Target,
  traffic: Traffic,
  { pairs, runMs }: Rounds,
): Promise<readonly Pair[]> {
  const one = await startTarget(ours);
  const running = [one];
  try {
    const other = await startTarget(peer);
    running.push(other);
    for (const target of running) await measure(target, traffic, 2 * runMs);
    const samples: Pair[] = [];
    for (let index = 0; index < pairs; index += 1) {
      const isFirst = index % 2 === 0;
      const first = await measure(isFirst ? one : other, traffic, runMs);
      const second = await measure(isFirst ? other : one, traffic, runMs);
      samples.push(isFirst ? { ours: first, peer: second } : { ours: second, peer: first });
    }
    return samples;
  } finally {
    await Promise.all(running.map((target) => target.stop()));
  }
}

function sayRow(ours: string, peer: string, traffic: Traffic, samples: readonly Pair[]): void {
  const ratio = (pick: (sample: Sample) => number): string =>
    spread(
      samples.map((pair) => pick(pair.ours) / pick(pair.peer)),
      2,
    );
  const failed = (pick: (pair: Pair) => Sample): number =>
    samples.reduce((sum, pair) => sum + pick(pair).failed, 0);
  const fewest = (pick: (pair: Pair) => Sample): number => median(samples.map((pair) => pick(pair).fewest));
  const cells = [
    ours,
    peer,
    trafficNames[traffic],
    ratio((sample) => sample.rate),
    ratio((sample) => sample.cpuUsPerRequest),
    ratio((sample) => sample.p99),
    `${failed((pair) => pair.ours)}, ${failed((pair) => pair.peer)}`,
    traffic === 'close' ? '–' : `${fewest((pair) => pair.ours)}, ${fewest((pair) => pair.peer)}`,
  ];
  say(`| ${cells.join(' | ')} |`);
}
