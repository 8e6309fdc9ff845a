const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Milliseconds of `"250ms"`, `"1.5s"`, `"2m"`, `"1h"`; `undefined` for anything else: only 0 needs no unit. */
export function parseDurationMs(text: string): number | undefined {
  if (text.trim() === '0') return 0;
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text.trim());
  const amount = match?.[1];
  const unit = unitMs[match?.[2] ?? ''];
  return amount === undefined || unit === undefined ? undefined : Math.round(Number(amount) * unit);
}

/** A duration as people read it: `0.4 ms`, `38 ms`, `1.2 s`, `2 m 5 s`. */
export function formatMs(ms: number): string {
  if (ms < 10) return `${Math.round(ms * 10) / 10} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.floor(ms / 60_000)} m ${Math.round((ms % 60_000) / 1000)} s`;
}
