/**
 * What differs between two configurations, as people would say it: `health.intervalMs`, `nodes.b.weight`, `nodes.d`.
 * Items of a list that have names are compared by name.
 */
export function changedKeys(before: unknown, after: unknown, path = ''): readonly string[] {
  if (Object.is(before, after)) return [];
  const [from, to] = [byKey(before), byKey(after)];
  if (from === undefined || to === undefined) return [path];
  const keys = new Set([...Object.keys(from), ...Object.keys(to)]);
  return [...keys].flatMap((key) => changedKeys(from[key], to[key], path === '' ? key : `${path}.${key}`));
}

function byKey(value: unknown): Readonly<Record<string, unknown>> | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (!Array.isArray(value)) return value as Record<string, unknown>;
  const entries = value.map((item: unknown, index): [string, unknown] => {
    const name: unknown = typeof item === 'object' && item !== null && 'name' in item ? item.name : index;
    return [String(name), item];
  });
  return Object.fromEntries(entries);
}
