import { median, say } from './figures.ts';
import { missing, startTarget, type Target } from './targets.ts';

interface Footprint {
  readonly bootMs: number;
  readonly worker: number;
  readonly all: number;
}

/** From the start to the first answer, and resident memory after it: medians of some starts of each, in turn. */
export async function sayFootprints(targets: readonly Target[], starts: number): Promise<void> {
  const found = new Map<Target, Footprint[]>();
  const present = targets.filter((target) => missing(target) === undefined);
  for (let turn = 0; turn < starts; turn += 1) {
    for (const target of present) {
      const running = await startTarget(target);
      const sample = { bootMs: running.bootMs, ...running.memory() };
      await running.stop();
      found.set(target, [...(found.get(target) ?? []), sample]);
    }
  }
  say(`\n${starts} starts of each in turn, medians\n`);
  say('| | start to first answer | resident, one worker | resident, all processes |');
  say('|---|---|---|---|');
  for (const target of targets) {
    const samples = found.get(target);
    if (samples === undefined) say(`| ${missing(target)} | | | |`);
    else {
      const of = (pick: (sample: Footprint) => number): number => Math.round(median(samples.map(pick)));
      const memory = `${of(({ worker }) => worker)} MiB | ${of(({ all }) => all)} MiB`;
      say(`| ${target.name} | ${of(({ bootMs }) => bootMs)} ms | ${memory} |`);
    }
  }
}
