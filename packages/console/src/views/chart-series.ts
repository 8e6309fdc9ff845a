import type uPlot from 'uplot';

export interface SeriesLook {
  readonly name: string;
  readonly colour: 'accent' | 'ink' | 'attention' | 'danger';
  readonly fill: 'none' | 'soft' | 'layer';
  /** How strong the colour is, 0 to 1. */
  readonly shade?: number;
}

export interface ChartColours {
  readonly accent: string;
  readonly ink: string;
  readonly attention: string;
  readonly danger: string;
  readonly soft: string;
  readonly line: string;
  readonly card: string;
  readonly mark: string;
  readonly font: string;
}

/** The colours of the page's theme: a canvas knows no style sheet. */
export function chartColours(): ChartColours {
  const style = getComputedStyle(document.documentElement);
  const read = (name: string): string => style.getPropertyValue(name).trim();
  return {
    accent: read('--accent'),
    ink: read('--ink-2'),
    attention: read('--amber-mark'),
    danger: read('--red'),
    soft: read('--ink-3'),
    line: read('--line'),
    card: read('--card'),
    mark: read('--amber-mark'),
    font: `11px ${read('--sans')}`,
  };
}

/** uPlot's description of each line; layers of a stack are drawn from the top one down, each over the one before. */
export function seriesOf(looks: readonly SeriesLook[], colours: ChartColours): uPlot.Series[] {
  return looks.map((look) => {
    const colour = colours[look.colour];
    return {
      label: look.name,
      stroke: look.fill === 'layer' ? colours.card : colour,
      width: look.fill === 'layer' ? 0.5 : 1.5,
      points: { show: false },
      ...(look.fill === 'soft' ? { fill: withAlpha(colour, 0.14) } : {}),
      ...(look.fill === 'layer' ? { fill: mixed(colour, colours.card, look.shade ?? 1) } : {}),
    };
  });
}

/** One colour over another, as layers of a stack must not shine through each other. */
function mixed(colour: string, ground: string, share: number): string {
  const [over, under] = [channelsOf(colour), channelsOf(ground)];
  const parts = over.map((value, index) => Math.round(value * share + (under[index] ?? 0) * (1 - share)));
  return `rgb(${parts.join()})`;
}

/** The same colour, less opaque. */
export function withAlpha(colour: string, alpha: number): string {
  return `rgba(${channelsOf(colour).join()},${alpha})`;
}

/** Red, green and blue of `#rrggbb`, or of `#rgb` where the build has made it short. */
function channelsOf(colour: string): readonly number[] {
  const hex = colour.slice(1);
  const long = hex.length === 3 ? [...hex].map((digit) => digit + digit).join('') : hex;
  return [0, 2, 4].map((at) => Number.parseInt(long.slice(at, at + 2), 16));
}
