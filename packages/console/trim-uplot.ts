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

/** Inside, but for logarithmic scales and for its own ticks of time: the charts here have neither. */
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
      return uncalled.reduce((text, name) => {
        const begin = `\nfunction ${name}(`;
        return replaced(text, begin, `\nfunction ${name}() { return () => ''; }\nfunction $${name}(`, id);
      }, untimed);
    },
  };
}

function replaced(text: string, from: string, to: string, id: string): string {
  if (!text.includes(from)) throw new Error(`Cannot trim uPlot: "${from.trim()}" is wanted in ${id}`);
  return text.replace(from, () => to);
}
