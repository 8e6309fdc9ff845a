import type { Plugin } from 'vite';

/** What uPlot hangs on its constructor for others and this page does not use; nothing inside refers to it this way. */
const unused = [
  'uPlot.join = join;',
  'uPlot.rangeLog = rangeLog;',
  'uPlot.rangeAsinh = rangeAsinh;',
  'uPlot.fmtDate = fmtDate;',
  'uPlot.tzDate  = tzDate;',
  '(paths.stepped = stepped);',
  '(paths.bars    = bars);',
  '(paths.spline  = monotoneCubic);',
];

/** Inside, but for its own scales, ticks of time, points and legend: the charts here have none of them. */
const uncalled = [
  'fmtDate',
  'timeAxisStamps',
  'timeAxisVals',
  'timeAxisVal',
  'timeSeriesStamp',
  'timeSeriesVal',
  'logAxisSplits',
  'asinhAxisSplits',
  'log10AxisValsFilt',
  'rangeLog',
  'rangeAsinh',
  'log2AxisValsFilt',
  'points',
  'clipBandLine',
  'legendStroke',
  'legendFill',
  'numSeriesVal',
  'seriesPointsShow',
  'snapNumX',
  'snapNumY',
  'snapLogY',
  'snapAsinhY',
];

/** The same inside its constructor: the charts here have no legend of uPlot's, no selection, and keep their series. */
const uncalledInside = [
  'initLegendRow',
  'setLegend',
  'setLegendValues',
  'mouseDown',
  'mouseUp',
  'dblClick',
  'addSeries',
  'delSeries',
  'setFocus',
  'setSelect',
  'setSeries',
  'toggleDOM',
  'addBand',
  'setBand',
  'delBand',
  'setAlpha',
  'hideSelect',
  'syncLegend',
  'autoPadSide',
  'setSelH',
  'setSelV',
];

/**
 * Leaves parts of uPlot out of the page, which a bundler cannot do by itself: they are assigned, not exported. Fails
 * when another version of uPlot is written differently, so that it never does nothing in silence.
 */
export function trimUplot(): Plugin {
  return {
    name: 'trim-uplot',
    transform(code, id) {
      if (!id.endsWith('uPlot.esm.js')) return null;
      const shorter = unused.reduce((text, line) => replaced(text, line, '', id), code);
      const untimed = replaced(
        shorter,
        '\nfunction genTimeStuffs(',
        '\nfunction genTimeStuffs() { return [[], [], () => () => []]; }\nfunction $genTimeStuffs(',
        id,
      );
      const emptied = (begin: string) => (text: string, name: string) => {
        const stub = `${begin}function ${name}() { return () => ''; }`;
        return replaced(text, `${begin}function ${name}(`, `${stub}${begin}function $${name}(`, id);
      };
      const outside = uncalled.reduce(emptied('\n'), untimed);
      return uncalledInside.reduce(emptied('\n\t'), outside);
    },
  };
}

function replaced(text: string, from: string, to: string, id: string): string {
  if (!text.includes(from)) throw new Error(`Cannot trim uPlot: "${from.trim()}" is wanted in ${id}`);
  return text.replace(from, () => to);
}
