import { useEffect, useLayoutEffect, useState } from 'preact/hooks';
import { visibleRows } from '../model/node-list.ts';

/** As many rows are all drawn; of more, only those on the screen. */
export const fewRows = 40;

export interface RowWindow {
  readonly from: number;
  readonly to: number;
  /** Height of a row. */
  readonly rowPx: number;
}

/** Which rows of a table are to be drawn; follows the page's scrolling. */
export function useRowWindow(body: { readonly current: HTMLElement | null }, count: number): RowWindow {
  const [seen, setSeen] = useState<RowWindow>({ from: 0, to: Math.min(count, fewRows), rowPx: 44 });
  const measure = (): void => {
    const element = body.current;
    if (element === null) return;
    const rowPx = element.querySelector<HTMLElement>('.node')?.offsetHeight ?? seen.rowPx;
    const top = -element.getBoundingClientRect().top;
    const next = count <= fewRows ? { from: 0, to: count } : visibleRows(top, innerHeight, rowPx, count);
    setSeen((old) =>
      old.from === next.from && old.to === next.to && old.rowPx === rowPx ? old : { ...next, rowPx },
    );
  };
  useLayoutEffect(measure, [count]);
  useEffect(() => {
    // it is a part of the page that scrolls, and that event does not bubble
    addEventListener('scroll', measure, true);
    addEventListener('resize', measure);
    return () => {
      removeEventListener('scroll', measure, true);
      removeEventListener('resize', measure);
    };
  });
  return seen;
}
