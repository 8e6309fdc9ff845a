import type uPlot from 'uplot';
import type { Mark } from '../model/chart-data.ts';
import { type ChartColours, withAlpha } from './chart-series.ts';

/** Labels that come closer than this to the one before are left out. */
const labelGapPx = 8;

/** Draws operations and rollouts behind the lines: a band from begin to end, its name above it, where no line goes through it. */
export function drawMarks(plot: uPlot, marks: readonly Mark[], colours: ChartColours): void {
  const { ctx, bbox } = plot;
  const ratio = uPlotRatio(plot);
  let freeFrom = Number.NEGATIVE_INFINITY;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, 0, bbox.width, bbox.top + bbox.height);
  ctx.clip();
  // uPlot leaves it as its axes needed it
  ctx.textAlign = 'left';
  ctx.font = colours.font.replace('11px', `${10 * ratio}px`);
  for (const { fromMs, toMs, label, kind } of marks) {
    const left = plot.valToPos(fromMs / 1000, 'x', true);
    const right = toMs === undefined ? bbox.left + bbox.width : plot.valToPos(toMs / 1000, 'x', true);
    if (right < bbox.left || left > bbox.left + bbox.width) continue;
    ctx.fillStyle = withAlpha(colours.mark, kind === 'rollout' ? 0.07 : 0.13);
    ctx.fillRect(left, bbox.top, Math.max(ratio, right - left), bbox.height);
    ctx.fillStyle = withAlpha(colours.mark, 0.8);
    ctx.fillRect(left, bbox.top, ratio, bbox.height);
    const width = ctx.measureText(label).width;
    const last = bbox.left + bbox.width - width - 2 * ratio;
    const from = Math.min(Math.max(left, bbox.left), last);
    if (from < freeFrom) continue;
    ctx.fillStyle = colours.soft;
    ctx.fillText(label, from, bbox.top - 5 * ratio);
    freeFrom = from + width + labelGapPx * ratio;
  }
  ctx.restore();
}

function uPlotRatio({ ctx }: uPlot): number {
  return ctx.canvas.width / Math.max(1, ctx.canvas.clientWidth);
}
