import type { ReadonlySignal } from '@preact/signals';
import { useSignalEffect } from '@preact/signals';
import type { VNode } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import { type Columns, clockTicks, type Mark } from '../model/chart-data.ts';
import { formatClock } from '../model/format.ts';
import { shownTheme } from '../shell/theme.ts';
import { drawMarks } from './chart-marks.ts';
import { chartColours, type SeriesLook, seriesOf } from './chart-series.ts';

export type { SeriesLook } from './chart-series.ts';

export interface ChartProps {
  readonly title: string;
  readonly columns: ReadonlySignal<Columns>;
  readonly looks: readonly SeriesLook[];
  readonly marks: ReadonlySignal<readonly Mark[]>;
  /** The time shown, in seconds; left to uPlot, a single sample would be shown since 1970. */
  readonly span: ReadonlySignal<readonly [from: number, to: number]>;
  readonly format: (value: number) => string;
}

const heightPx = 142;
/** Room for one label of the clock. */
const labelPx = 90;

/** One small chart. Its values are read out as a sentence, too, as a picture tells a screen reader nothing. */
export function Chart(props: ChartProps): VNode {
  const { title, columns, looks, format } = props;
  const frame = useRef<HTMLDivElement>(null);
  const [at, setAt] = useState<number>();
  usePlot(frame, props, setAt);
  const index = at ?? columns.value[0].length - 1;
  const second = columns.value[0][index];
  const values = looks.map((look, series) => {
    const own = columns.value[series + 1]?.[index];
    const below = looks[series + 1]?.fill === 'layer' ? (columns.value[series + 2]?.[index] ?? 0) : 0;
    return { look, value: own === null || own === undefined ? undefined : own - below };
  });
  const sentence = values.map(
    ({ look, value }) => `${look.name} ${value === undefined ? 'unknown' : format(value)}`,
  );
  return (
    <figure class="chart" aria-label={`${title}: ${sentence.join(', ')}`}>
      <figcaption>
        <b>{title}</b>
        {at !== undefined && second !== undefined && (
          <span class="soft figure">{formatClock(second * 1000)}</span>
        )}
        <span class="legend">
          {values.map(({ look, value }) => (
            <span key={look.name} class={`key key-${look.colour}`}>
              <i aria-hidden="true" style={{ opacity: look.shade ?? 1 }} />
              {look.name} <b class="figure">{value === undefined ? '–' : format(value)}</b>
            </span>
          ))}
        </span>
      </figcaption>
      <div ref={frame} class="chart-frame" aria-hidden="true" />
    </figure>
  );
}

function usePlot(
  frame: { readonly current: HTMLDivElement | null },
  { columns, looks, marks, span, format }: ChartProps,
  onCursor: (index: number | undefined) => void,
): void {
  const plot = useRef<uPlot | undefined>(undefined);
  const look = looks.map(({ name, colour, shade }) => `${name} ${colour} ${shade}`).join();
  const theme = shownTheme.value;
  useEffect(() => {
    const element = frame.current;
    if (element === null) return;
    const made = new uPlot(
      optionsOf(element, { looks, marks, span, format }, onCursor),
      dataOf(columns.peek()),
      element,
    );
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: heightPx }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = undefined;
    };
  }, [look, theme]);
  useSignalEffect(() => {
    plot.current?.setData(dataOf(columns.value));
  });
}

function dataOf(columns: Columns): uPlot.AlignedData {
  return columns as unknown as uPlot.AlignedData;
}

function optionsOf(
  element: HTMLElement,
  { looks, marks, span, format }: Pick<ChartProps, 'looks' | 'marks' | 'span' | 'format'>,
  onCursor: (index: number | undefined) => void,
): uPlot.Options {
  const colours = chartColours();
  const axis = { stroke: colours.soft, font: colours.font, ticks: { show: false } };
  return {
    width: element.clientWidth || 300,
    height: heightPx,
    legend: { show: false },
    padding: [16, 14, 0, 0],
    cursor: { sync: { key: 'traffic' }, drag: { x: false, y: false }, points: { size: 5 } },
    scales: {
      x: { time: false, range: () => [...span.peek()] },
      y: { range: (_plot, _min, max) => [0, Math.max(4, (max ?? 0) * 1.1)] },
    },
    axes: [
      { ...axis, size: 22, grid: { show: false }, splits: clockSplits, values: clockLabels },
      {
        ...axis,
        size: 52,
        space: 34,
        grid: { stroke: colours.line, width: 1 },
        values: (_plot, splits) => splits.map((value) => format(value)),
      },
    ],
    series: [{}, ...seriesOf(looks, colours)],
    hooks: {
      drawClear: [(plot) => drawMarks(plot, marks.peek(), colours)],
      setCursor: [({ cursor }) => onCursor(cursor.idx ?? undefined)],
    },
  };
}

function clockSplits(plot: uPlot, _axis: number, from: number, to: number): number[] {
  return [...clockTicks(from, to, plot.width / labelPx)];
}

function clockLabels(_plot: uPlot, seconds: number[]): string[] {
  return seconds.map((second) => formatClock(second * 1000).slice(0, second % 60 === 0 ? 5 : 8));
}
