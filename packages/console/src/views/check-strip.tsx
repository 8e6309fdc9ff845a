import type { VNode } from 'preact';
import { formatMs } from '../model/format.ts';
import type { CheckDot } from '../model/state.ts';
import { kept } from '../model/state.ts';
import { memo } from './memo.ts';

const heightPx = 20;
const stepPx = 2;

/** A bar for each of the last checks, its height the logarithm of its time; a failed one is full and has a cap. */
function Strip({ checks }: { readonly checks: readonly CheckDot[] | undefined }): VNode {
  const dots = checks ?? [];
  const offset = kept.checks - dots.length;
  let passed = '';
  let failed = '';
  for (const [index, dot] of dots.entries()) {
    const x = (offset + index) * stepPx + 0.5;
    const height = dot.passed ? barHeight(dot.ms) : heightPx;
    const bar = `M${x} ${heightPx}v-${height}`;
    if (dot.passed) passed += bar;
    else failed += bar;
  }
  return (
    <svg
      class="strip"
      viewBox={`0 0 ${kept.checks * stepPx} ${heightPx}`}
      role="img"
      aria-label={describeStrip(dots)}
      preserveAspectRatio="none"
    >
      <path class="strip-ground" d={`M0 ${heightPx - 0.5}h${kept.checks * stepPx}`} />
      <path class="strip-passed" d={passed} />
      <path class="strip-failed" d={failed} />
    </svg>
  );
}

export const CheckStrip = memo(Strip);

/** 1 ms is a stroke, 1 s is the whole height. */
function barHeight(ms: number): number {
  const share = Math.log10(Math.max(1, ms)) / 3;
  return Math.round(Math.min(1, Math.max(0.1, share)) * heightPx);
}

function describeStrip(dots: readonly CheckDot[]): string {
  if (dots.length === 0) return 'no checks seen yet';
  const failed = dots.filter(({ passed }) => !passed).length;
  const slowest = Math.max(...dots.map(({ ms }) => ms));
  return `last ${dots.length} checks: ${failed} failed, slowest ${formatMs(slowest)}`;
}
