import { parseArgs } from 'node:util';
import type { Page } from 'playwright-core';
import { launch } from './browser.ts';
import { FakeDaemon } from './fake-daemon.ts';
import { percentiles, traceFrames } from './frame-trace.ts';
import { openPage } from './open-page.ts';

/*
 * Measures the page while all nodes change: frames, the work for each, and the time from a change in the daemon to the
 * screen. In turn with it, in the same browser, a bare page that does nothing but as many changes of text and canvas:
 * what this machine can do at all.
 *   node packages/console/test/support/measure-frames.ts [--nodes 500] [--rounds 2] [--seconds 10] [--turns 3]
 * `--rounds`: how often a second every node changes.
 */

const { values } = parseArgs({
  options: {
    nodes: { type: 'string', default: '500' },
    rounds: { type: 'string', default: '2' },
    seconds: { type: 'string', default: '10' },
    turns: { type: 'string', default: '3' },
  },
});
const [nodes, rounds, seconds] = [Number(values.nodes), Number(values.rounds), Number(values.seconds)];
/** A tenth of the nodes at a time, so that changes come all the time, as they do in life. */
const slices = 10;
const sliceMs = 1000 / rounds / slices;

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

/** Run in the bare page: the texts of a tenth of 20 rows and of the headline, and a tenth of the marks on a canvas. */
const changeBare = `(() => {
  const cells = Array.from({ length: 70 }, () => {
    const cell = document.createElement('span');
    cell.style.cssText = 'display: inline-block; width: 120px; height: 40px; contain: strict';
    document.body.append(cell);
    return cell;
  });
  const canvas = document.createElement('canvas');
  canvas.width = 1200;
  canvas.height = 240;
  document.body.append(canvas);
  const context = canvas.getContext('2d');
  let slice = 0;
  setInterval(() => requestAnimationFrame(() => {
    slice += 1;
    for (let at = slice % ${slices}; at < cells.length; at += ${slices}) cells[at].textContent = slice;
    for (let at = slice % ${slices}; at < ${nodes}; at += ${slices}) {
      const [x, y] = [(at % 50) * 24, Math.floor(at / 50) * 24];
      context.clearRect(x, y, 24, 24);
      context.beginPath();
      context.arc(x + 12, y + 12, 3 + Math.random() * 3, 0, 7);
      context.fill();
    }
  }), ${sliceMs});
})()`;

const sentAt = new Map<string, number>();
let round = 1000;

/** Changes the nodes until it is told to stop. */
function changeNodes(daemon: FakeDaemon): () => void {
  const names = [...daemon.service.nodes.keys()];
  let slice = 0;
  const timer = setInterval(() => {
    if (slice % slices === 0) round += 1;
    for (let index = slice % slices; index < names.length; index += slices) {
      const state = Math.random() < 0.02 ? 'draining' : 'ready';
      const inFlight = Math.floor(Math.random() * 30);
      daemon.service.change(names[index] ?? '', { connections: round, inFlight, state });
      if (index === 0) sentAt.set(String(round), Date.now());
    }
    slice += 1;
  }, sliceMs);
  return () => clearInterval(timer);
}

async function openConsole(daemon: FakeDaemon): Promise<Page> {
  const { page } = await openPage(browser, daemon);
  await page.locator('tr.node').first().waitFor();
  await page.locator('tr.node').nth(3).scrollIntoViewIfNeeded();
  await page.evaluate(watchNode);
  return page;
}

const browser = await launch();
const daemon = await FakeDaemon.start({ nodes, edges: 10 });
daemon.tick();
const delays: number[] = [];
const turns: object[] = [];
for (let turn = 0; turn < Number(values.turns); turn += 1) {
  const bare = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  await bare.evaluate(changeBare);
  const bareFigures = await traceFrames(bare, seconds);
  await bare.close();
  const page = await openConsole(daemon);
  const stop = changeNodes(daemon);
  // the page is loaded and has its charts
  await new Promise((resolve) => setTimeout(resolve, 2000));
  const figures = await traceFrames(page, seconds);
  stop();
  const seen = await page.evaluate<Record<string, number>>('seenAt()');
  for (const [text, at] of sentAt) if (seen[text] !== undefined) delays.push(seen[text] - at);
  sentAt.clear();
  await page.context().close();
  turns.push({ bare: bareFigures, console: figures });
}
const toScreenMs = { changes: delays.length, ...percentiles(delays), most: Math.max(...delays) };
const result = { nodes, changesPerSecond: nodes * rounds, turns, toScreenMs };
process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
await browser.close();
await daemon.close();
