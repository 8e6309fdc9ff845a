const units: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  M: 2_592_000_000,
  y: 31_536_000_000,
};

/** A time as nginx writes it (`5`, `90s`, `1m30s`, `1h 30m`) in milliseconds; `undefined` where it is none. */
export function parseTimeMs(text: string | undefined): number | undefined {
  if (text === undefined || !/^\s*\d+(ms|[smhdwMy])?(\s*\d+(ms|[smhdwMy])?)*\s*$/.test(text))
    return undefined;
  const parts = [...text.matchAll(/(\d+)(ms|[smhdwMy])?/g)];
  return parts.reduce((sum, [, count, unit = 's']) => sum + Number(count) * (units[unit] ?? 0), 0);
}
