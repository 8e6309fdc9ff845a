// What a scrape and the sampling of the traffic cost the controller, with many nodes behind many edges, all in memory:
// nginx and its sockets are not in these figures.
//   node packages/controller/test/measure/metrics-cost.ts [--nodes 500] [--edges 10]
import { parseArgs } from 'node:util';
import { latencyBucketsMs } from '@lameduck/core';
import { makeRig, never } from '../support/rig.ts';

const { values } = parseArgs({
  options: { nodes: { type: 'string', default: '500' }, edges: { type: 'string', default: '10' } },
});
const names = Array.from({ length: Number(values.nodes) }, (_, index) => `node-${index}`);
const rig = makeRig({
  nodes: names,
  edges: Number(values.edges),
  config: { health: { interval: '10s', rise: 1, fall: 1 }, startup: { timeout: '60s' } },
});
await rig.controller.open(never);
const latency = Array.from({ length: latencyBucketsMs.length + 1 }, (_, index) => index * 3);
const more = (): void => {
  for (const edge of rig.edges)
    for (const name of names)
      edge.addTraffic(name, { requests: 300, errors: 1, latency, latencySumMs: 4000 });
};

const say = (text: string): boolean => process.stdout.write(`${text}\n`);
const median = (numbers: readonly number[]): number =>
  [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;

const took: number[] = [];
let page = '';
for (let round = 0; round < 15; round += 1) {
  more();
  const beganAt = process.cpuUsage();
  page = await rig.controller.metrics.render();
  const { user, system } = process.cpuUsage(beganAt);
  took.push((user + system) / 1000);
  await new Promise((resolve) => setTimeout(resolve, 100));
}
const lines = page.split('\n').filter((line) => line !== '' && !line.startsWith('#')).length;
say(
  `scrape: ${lines} samples, ${Math.round(page.length / 1024)} KiB, ${median(took).toFixed(0)} ms of CPU (median of ${took.length})`,
);

const idle = process.cpuUsage();
await new Promise((resolve) => setTimeout(resolve, 10_000));
const without = process.cpuUsage(idle);
let samples = 0;
const leave = rig.controller.traffic.subscribe(() => {
  samples += 1;
  more();
});
await new Promise((resolve) => setTimeout(resolve, 3_000));
samples = 0;
const busy = process.cpuUsage();
await new Promise((resolve) => setTimeout(resolve, 10_000));
const listening = process.cpuUsage(busy);
leave();
const each = (listening.user + listening.system - without.user - without.system) / 1000 / samples;
say(`traffic: ${samples} samples in 10 s, ${each.toFixed(1)} ms of CPU each`);
const beganAt = performance.now();
const kept = rig.controller.traffic.window(0);
say(`window: ${kept.length} samples unpacked in ${(performance.now() - beganAt).toFixed(1)} ms`);
await rig.controller.close(AbortSignal.abort());
