import type { NodeState } from '@lameduck/core';
import type { VNode } from 'preact';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { formatRoute } from '../model/route.ts';
import type { NodeView } from '../model/state.ts';
import { shownTheme } from '../shell/theme.ts';
import { nodeShapes } from './marks.tsx';

/** Least width of a cell, and its height. */
const cellPx = 24;
/** Of a ready node's mark, by how much it has in flight. */
const scales = [0.5, 0.68, 0.84, 1] as const;

/**
 * All nodes as small marks: where one is not like the others, the eye finds it among hundreds. One canvas, of which only
 * the cells are drawn again that have changed: as elements they cost the page more to paint than all the rest of it. The
 * table below has every node for the keyboard and for who does not see.
 */
export function NodeMap({ views }: { readonly views: readonly NodeView[] }): VNode {
  const canvas = useRef<HTMLCanvasElement>(null);
  const map = useRef<Drawing>(undefined);
  const theme = shownTheme.value;
  useLayoutEffect(() => {
    map.current = canvas.current === null ? undefined : new Drawing(canvas.current);
  }, [theme]);
  useLayoutEffect(() => map.current?.draw(views));
  useEffect(() => {
    const observer = new ResizeObserver(() => map.current?.fit());
    if (canvas.current !== null) observer.observe(canvas.current);
    return () => observer.disconnect();
  }, []);
  const find = (event: MouseEvent): string | undefined => map.current?.find(event)?.status.name;
  return (
    <div class="map">
      <canvas
        ref={canvas}
        role="img"
        aria-label="All nodes at a glance"
        onClick={(event) => {
          const node = find(event);
          if (node !== undefined) location.hash = formatRoute({ page: 'node', node });
        }}
        onMouseMove={(event) => {
          const found = map.current?.find(event)?.status;
          event.currentTarget.title = found === undefined ? '' : `${found.name}: ${found.state}`;
          event.currentTarget.style.cursor = found === undefined ? '' : 'pointer';
        }}
      />
    </div>
  );
}

/** What is on the canvas. */
class Drawing {
  readonly #canvas: HTMLCanvasElement;
  readonly #colours: Readonly<Record<NodeState, string>>;
  readonly #ground: string;
  #views: readonly NodeView[] = [];
  #drawn: string[] = [];
  #columns = 1;
  #widthPx = cellPx;

  constructor(canvas: HTMLCanvasElement) {
    this.#canvas = canvas;
    const style = getComputedStyle(canvas);
    const read = (name: string): string => style.getPropertyValue(name);
    const [amber, grey] = [read('--amber-mark'), read('--grey-mark')];
    this.#colours = {
      ready: read('--accent'),
      ...{ draining: amber, starting: amber, drained: grey, stopped: grey },
      unhealthy: read('--red'),
    };
    this.#ground = read('--card');
  }

  draw(views: readonly NodeView[]): void {
    const isSame = views.length === this.#views.length && this.#drawn.length > 0;
    this.#views = views;
    if (isSame) this.#drawChanged();
    else this.fit();
  }

  /** Draws all of it in the width that there is. */
  fit(): void {
    const canvas = this.#canvas;
    const { clientWidth } = canvas;
    this.#columns = Math.max(1, Math.floor(clientWidth / cellPx));
    this.#widthPx = clientWidth / this.#columns;
    const heightPx = Math.ceil(this.#views.length / this.#columns) * cellPx;
    canvas.style.height = `${heightPx}px`;
    canvas.width = clientWidth * devicePixelRatio;
    canvas.height = heightPx * devicePixelRatio;
    this.#drawn = [];
    this.#drawChanged();
  }

  /** The node under the pointer. */
  find({ offsetX, offsetY }: MouseEvent): NodeView | undefined {
    const column = Math.min(this.#columns - 1, Math.floor(offsetX / this.#widthPx));
    return this.#views[Math.floor(offsetY / cellPx) * this.#columns + column];
  }

  #drawChanged(): void {
    const context = this.#canvas.getContext('2d');
    if (context === null) return;
    for (const [index, { status }] of this.#views.entries()) {
      const { state, inFlight } = status;
      const load = state !== 'ready' || inFlight >= 20 ? 3 : inFlight >= 5 ? 2 : inFlight > 0 ? 1 : 0;
      const look = state + load;
      if (this.#drawn[index] === look) continue;
      this.#drawn[index] = look;
      this.#drawCell(context, index, state, scales[load]);
    }
  }

  #drawCell(context: CanvasRenderingContext2D, index: number, state: NodeState, scale: number): void {
    const ratio = devicePixelRatio;
    const x = (index % this.#columns) * this.#widthPx;
    const y = Math.floor(index / this.#columns) * cellPx;
    context.setTransform(ratio, 0, 0, ratio, x * ratio, y * ratio);
    context.clearRect(0, 0, this.#widthPx, cellPx);
    context.translate(this.#widthPx / 2, cellPx / 2);
    context.scale(scale, scale);
    context.translate(-6, -6);
    const { full, line, cut } = nodeShapes[state];
    context.fillStyle = context.strokeStyle = this.#colours[state];
    context.lineWidth = 1.6;
    if (full) context.fill(new Path2D(full));
    if (line) context.stroke(new Path2D(line));
    context.strokeStyle = this.#ground;
    if (cut) context.stroke(new Path2D(cut));
  }
}
