import { parseArgs } from 'node:util';
import { launch } from './browser.ts';
import { FakeDaemon } from './fake-daemon.ts';
import { openPage } from './open-page.ts';

/*
 * Measures the page while all nodes change: frames, and the time from a change in the daemon to the screen.
 *   node packages/console/test/support/measure-frames.ts [--nodes 500] [--rounds 2] [--seconds 10]
 * `--rounds`: how often a second every node changes.
 */

const { values } = parseArgs({
  options: {
    nodes: { type: 'string', default: '500' },
    rounds: { type: 'string', default: '2' },
    seconds: { type: 'string', default: '10' },
  },
});
const [nodes, rounds, seconds] = [Number(values.nodes), Number(values.rounds), Number(values.seconds)];

/** Run in the page: the lengths of the frames, until it is told to stop. */
const countFrames = `(async () => {
  const frames = [];
  let before = await new Promise(requestAnimationFrame);
  globalThis.stopCounting = () => frames;
  const next = (at) => { frames.push(at - before); before = at; requestAnimationFrame(next); };
  requestAnimationFrame(next);
})()`;
/** Run in the page: when each number of the watched node came onto the screen. */
const watchNode = `(() => {
  const seen = {};
  globalThis.seenAt = () => seen;
  const note = () => {
    const cell = document.querySelector('tr[data-node=web-001] .c-connections');
    if (cell) seen[cell.textContent] ??= Date.now();
    requestAnimationFrame(note);
  };
  requestAnimationFrame(note);
})()`;

const percentile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;

const browser = await launch();
const daemon = await FakeDaemon.start({ nodes, edges: 10 });
const { page } = await openPage(browser, daemon);
await page.locator('tr.node').first().waitFor();
await page.locator('tr.node').nth(3).scrollIntoViewIfNeeded();
daemon.tick();
await page.evaluate(watchNode);
const names = [...daemon.service.nodes.keys()];
const sentAt = new Map<string, number>();
let round = 1000;
// a tenth of the nodes at a time, so that changes come all the time, as they do in life
const slices = 10;
let slice = 0;
const timer = setInterval(
  () => {
    if (slice % slices === 0) round += 1;
    for (let index = slice % slices; index < names.length; index += slices) {
      const name = names[index] ?? '';
      const state = Math.random() < 0.02 ? 'draining' : 'ready';
      daemon.service.change(name, { connections: round, inFlight: Math.floor(Math.random() * 30), state });
      if (index === 0) sentAt.set(String(round), Date.now());
    }
    slice += 1;
  },
  1000 / rounds / slices,
);
const session = await page.context().newCDPSession(page);
// of the page's own thread, so that it means something on a busy machine, too
await session.send('Performance.enable', { timeDomain: 'threadTicks' });
const cpuSeconds = async (): Promise<number> => {
  const { metrics } = await session.send('Performance.getMetrics');
  return metrics.find(({ name }) => name === 'TaskDuration')?.value ?? Number.NaN;
};
const cpuBefore = await cpuSeconds();
await page.evaluate(countFrames);
await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
const frames = (await page.evaluate<number[]>('stopCounting()')).sort((a, b) => a - b);
const seen = await page.evaluate<Record<string, number>>('seenAt()');
clearInterval(timer);
const cpuShare = ((await cpuSeconds()) - cpuBefore) / seconds;
const delays = [...sentAt]
  .flatMap(([text, at]) => (seen[text] === undefined ? [] : [seen[text] - at]))
  .sort((a, b) => a - b);
const total = frames.reduce((sum, ms) => sum + ms, 0);
const result = {
  nodes,
  changesPerSecond: nodes * rounds,
  framesPerSecond: Math.round((frames.length / total) * 10_000) / 10,
  frameMs: {
    p50: percentile(frames, 0.5),
    p95: percentile(frames, 0.95),
    p99: percentile(frames, 0.99),
    most: frames.at(-1),
  },
  cpuOfMainThread: `${Math.round(cpuShare * 100)} %`,
  longFrames: frames.filter((ms) => ms > 34).length,
  toScreenMs: {
    changes: delays.length,
    p50: percentile(delays, 0.5),
    p95: percentile(delays, 0.95),
    most: delays.at(-1),
  },
};
process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
await browser.close();
await daemon.close();
