import type { ConfigProblem } from './config.ts';

type Path = ConfigProblem['path'];
type Keyed = Record<string | number, unknown>;

/** Something valid, for keys that have no default. Numbered, as most must not be there twice. */
const fillers: Readonly<Record<string, (number: number) => string>> = {
  address: (number) => `unix:/filler-${number}`,
  app: () => 'filler:app',
  conf: () => 'filler',
  cookie: () => 'filler',
  entry: () => 'filler',
  include: () => 'filler',
  listen: (number) => `unix:/filler-${number}`,
  name: (number) => `filler-${number}`,
  service: () => 'filler',
  start: () => 'filler',
  unit: () => 'filler.service',
};

/**
 * A copy of the input with nothing at these paths, or something valid: what is right about the rest can be judged
 * although they are wrong. `undefined` where there is nothing to copy.
 */
export function repair(input: unknown, wrong: readonly Path[]): unknown {
  if (typeof input !== 'object' || input === null) return undefined;
  const copy = copyOf(input);
  wrong.forEach((path, number) => {
    const key = path.at(-1);
    const parent = path
      .slice(0, -1)
      .reduce<unknown>((value, part) => (value as Keyed | undefined)?.[part], copy);
    if (key === undefined || typeof parent !== 'object' || parent === null) return;
    const filler = fillers[key];
    if (filler === undefined) delete (parent as Keyed)[key];
    else (parent as Keyed)[key] = filler(number);
  });
  return copy;
}

function copyOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copyOf);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, copyOf(part)]));
}

/** Whether one is the other, or stands within it. */
export function isRelated(one: Path, other: Path): boolean {
  const length = Math.min(one.length, other.length);
  return one.slice(0, length).every((part, index) => part === other[index]);
}
