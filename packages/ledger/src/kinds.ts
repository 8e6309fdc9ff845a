import { UsageError } from './usage-error.ts';

/** The kinds of traffic; each has its own file in `traffic/`. One connection carries one kind. */
export const kinds = [
  'get',
  'fresh',
  'slow',
  'post',
  'postRandom',
  'upload',
  'stream',
  'idle',
  'late',
] as const;

/** One of `kinds`. */
export type Kind = (typeof kinds)[number];

/** Weights or numbers of connections by kind; a kind left out has none. */
export type Mix = Readonly<Partial<Record<Kind, number>>>;

/** The usual mix, as connections of forty: every way in which a restart is known to lose requests is in it. */
export const defaultMix: Readonly<Record<Kind, number>> = {
  get: 8,
  fresh: 6,
  slow: 6,
  post: 8,
  postRandom: 2,
  upload: 3,
  stream: 3,
  idle: 2,
  late: 2,
};

function isKind(text: string): text is Kind {
  return (kinds as readonly string[]).includes(text);
}

/** Reads `get=4,post=2,idle` (no number means 1) as weights; throws UsageError. */
export function parseMix(text: string): Mix {
  const mix: Partial<Record<Kind, number>> = {};
  for (const part of text.split(',')) {
    const [name = '', weight = '1', ...rest] = part.trim().split('=');
    if (!isKind(name)) {
      throw new UsageError(`Cannot read mix "${text}": one of ${kinds.join(', ')}: current value is ${name}`);
    }
    if (rest.length > 0 || !/^\d{1,6}$/.test(weight)) {
      throw new UsageError(`Cannot read mix "${text}": ${name}=WHOLE NUMBER: current value is ${part}`);
    }
    mix[name] = Number(weight);
  }
  return mix;
}

/** Shares by weight, largest remainder first. */
function shareByWeight(
  weights: readonly (readonly [Kind, number])[],
  connections: number,
): Map<Kind, number> {
  const total = weights.reduce((sum, [, weight]) => sum + weight, 0);
  const exact = weights.map(([kind, weight]) => ({ kind, share: (connections * weight) / total }));
  const spread = new Map(exact.map(({ kind, share }) => [kind, Math.floor(share)]));
  let left = connections - [...spread.values()].reduce((sum, number) => sum + number, 0);
  for (const { kind } of exact.toSorted((a, b) => (b.share % 1) - (a.share % 1))) {
    if (left <= 0) break;
    spread.set(kind, (spread.get(kind) ?? 0) + 1);
    left -= 1;
  }
  return spread;
}

/**
 * Shares `connections` among the kinds in proportion to their weights, with at least one for each weighted kind
 * where there are enough connections. Throws UsageError if no weight is over 0.
 */
export function spreadConnections(mix: Mix, connections: number): Mix {
  const weights = kinds.map((kind) => [kind, mix[kind] ?? 0] as const).filter(([, weight]) => weight > 0);
  if (weights.length === 0) {
    throw new UsageError('Cannot spread connections: a kind with a weight over 0: current value is none');
  }
  const spread = shareByWeight(weights, connections);
  for (const [kind, number] of spread) {
    const [richest, most] = [...spread].reduce((best, next) => (next[1] > best[1] ? next : best));
    if (number > 0 || most < 2) continue;
    spread.set(richest, most - 1).set(kind, 1);
  }
  return Object.fromEntries(spread);
}
