import type { Page } from 'playwright-core';

/** What a page did for a while. */
export interface FrameFigures {
  readonly framesPerSecond: number;
  /** Between two frames. */
  readonly frameMs: Percentiles;
  /** Of the page's own thread, for each frame: scripts, style, layout, paint. */
  readonly workMs: Percentiles;
}

export interface Percentiles {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

interface TraceEvent {
  readonly name: string;
  readonly ph: string;
  readonly pid: number;
  readonly tid: number;
  readonly ts: number;
  readonly dur?: number;
}

/** Run in the page: the instants of its frames, until it is told to stop. */
const countFrames = `(() => {
  const frames = [];
  let isOver = false;
  globalThis.stopCounting = () => { isOver = true; return frames; };
  const next = (at) => { frames.push(at); if (!isOver) requestAnimationFrame(next); };
  requestAnimationFrame(next);
})()`;

export function percentiles(values: readonly number[]): Percentiles {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number): number =>
    Math.round((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN) * 10) /
    10;
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}

/** Counts the frames of a page and traces what its thread does. */
export async function traceFrames(page: Page, seconds: number): Promise<FrameFigures> {
  const session = await page.context().newCDPSession(page);
  const events: TraceEvent[] = [];
  session.on('Tracing.dataCollected', ({ value }) => events.push(...(value as unknown as TraceEvent[])));
  const complete = new Promise((resolve) => session.once('Tracing.tracingComplete', resolve));
  const traceConfig = { includedCategories: ['devtools.timeline', 'disabled-by-default-devtools.timeline'] };
  await session.send('Tracing.start', { transferMode: 'ReportEvents', traceConfig });
  await page.evaluate(countFrames);
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  const frames = await page.evaluate<number[]>('stopCounting()');
  await session.send('Tracing.end');
  await complete;
  await session.detach();
  const spans = frames.slice(1).map((at, index) => at - (frames[index] ?? at));
  const total = spans.reduce((sum, ms) => sum + ms, 0);
  return {
    framesPerSecond: Math.round((spans.length / total) * 10_000) / 10,
    frameMs: percentiles(spans),
    workMs: percentiles(workOfFrames(events)),
  };
}

/** Of the thread that runs the page's frames, the time of its tasks from one frame to the next. */
function workOfFrames(events: readonly TraceEvent[]): readonly number[] {
  const fired = events.filter(({ name }) => name === 'FireAnimationFrame');
  const own = fired[0];
  if (own === undefined) return [];
  const begins = fired.map(({ ts }) => ts).sort((a, b) => a - b);
  // callbacks of one frame follow each other at once
  const frames = begins.filter((ts, index) => index === 0 || ts - (begins[index - 1] ?? 0) > 4000);
  const work = frames.map(() => 0);
  const tasks = events
    .filter(({ name, tid, pid }) => name === 'RunTask' && tid === own.tid && pid === own.pid)
    .sort((a, b) => a.ts - b.ts);
  let frame = 0;
  for (const { ts, dur = 0 } of tasks) {
    // a task belongs to the frame in whose time it ends
    while (frame + 1 < frames.length && (frames[frame + 1] ?? 0) < ts + dur) frame += 1;
    work[frame] = (work[frame] ?? 0) + dur / 1000;
  }
  return work;
}
