import { defaultMix, type Kind, kinds, type Mix, spreadConnections } from './kinds.ts';
import { UsageError } from './usage-error.ts';

/** Smallest and largest value; each request draws its own from between (both included). */
export type Range = readonly [number, number];

/** Sizes and times of the requests, by kind. */
export interface Shapes {
  readonly postBytes: number;
  readonly postRandomBytes: Range;
  readonly slowMs: Range;
  readonly uploadMs: Range;
  readonly uploadBytes: Range;
  readonly streamChunks: Range;
  readonly streamChunkBytes: Range;
  readonly streamGapMs: Range;
  readonly idleMs: Range;
  readonly lateMs: Range;
}

/** What `runLoad` is asked to do. It ends at `durationMs`, after `count` requests, or at `stop()`: what comes first. */
export interface LoadOptions {
  /** `http://host:port`; the endpoints are those of the example applications. */
  readonly url: string;
  /** Connections by kind, or a total that is spread like `defaultMix`. Default 40. */
  readonly connections?: number | Mix;
  /** The most requests per second that one connection sends (think time in between). 0: no bound. Default 25. */
  readonly ratePerConnection?: number;
  readonly durationMs?: number;
  readonly count?: number;
  /** The longest that one request may take, from its sending to its last byte. Default 60 s. */
  readonly timeoutMs?: number;
  readonly shapes?: Partial<Shapes>;
}

/** Options that were checked, with every default filled in. */
export interface Settings {
  readonly url: URL;
  readonly connections: Mix;
  readonly ratePerConnection: number;
  readonly durationMs: number | undefined;
  readonly count: number;
  readonly timeoutMs: number;
  readonly shapes: Shapes;
}

const defaultShapes: Shapes = {
  postBytes: 16_384, // more than one TCP segment and one nginx header buffer, as real forms are
  postRandomBytes: [0, 262_144], // passes nginx's client_body_buffer_size (16 KB) and its temporary files
  slowMs: [50, 500],
  uploadMs: [300, 3000],
  uploadBytes: [1024, 32_768],
  streamChunks: [4, 20],
  streamChunkBytes: [1024, 16_384],
  streamGapMs: [5, 40],
  idleMs: [1000, 5000],
  lateMs: [200, 2000],
};

/** The longest a timer can wait in Node: a longer one would fire at once. */
const maxTimerMs = 2 ** 31 - 1;

function wholeNumber(name: string, value: number, least: number): number {
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new UsageError(
    `Cannot use ${name} "${value}": a whole number from ${least} up: current value is ${value}`,
  );
}

function milliseconds(name: string, value: number): number {
  if (value > 0 && value <= maxTimerMs) return value;
  throw new UsageError(
    `Cannot use ${name} "${value}": more than 0 and at most ${maxTimerMs} ms: current value is ${value}`,
  );
}

function targetUrl(text: string): URL {
  const url = URL.parse(text);
  if (url?.protocol === 'http:' && url.hostname !== '') return url;
  throw new UsageError(`Cannot load "${text}": a URL of the form http://host:port: current value is ${text}`);
}

function connectionsByKind(connections: number | Mix): Mix {
  if (typeof connections === 'number') {
    return spreadConnections(defaultMix, wholeNumber('connections', connections, 1));
  }
  for (const kind of kinds) wholeNumber(`connections.${kind}`, connections[kind] ?? 0, 0);
  const total = Object.values(connections).reduce((sum, number) => sum + number, 0);
  wholeNumber('connections', total, 1);
  return connections;
}

function checkShapes(shapes: Shapes): Shapes {
  for (const [name, value] of Object.entries(shapes)) {
    const [low, high] = typeof value === 'number' ? [value, value] : (value as Range);
    wholeNumber(`shapes.${name}`, low, 0);
    wholeNumber(`shapes.${name}`, high, low);
  }
  return shapes;
}

/** Checks the options and fills in the defaults; throws UsageError. */
export function readOptions(options: LoadOptions): Settings {
  const rate = options.ratePerConnection ?? 25;
  if (!(rate >= 0 && rate < Number.POSITIVE_INFINITY)) {
    throw new UsageError(`Cannot use ratePerConnection "${rate}": 0 or more: current value is ${rate}`);
  }
  return {
    url: targetUrl(options.url),
    connections: connectionsByKind(options.connections ?? 40),
    ratePerConnection: rate,
    durationMs: options.durationMs === undefined ? undefined : milliseconds('durationMs', options.durationMs),
    count: options.count === undefined ? Number.POSITIVE_INFINITY : wholeNumber('count', options.count, 1),
    timeoutMs: milliseconds('timeoutMs', options.timeoutMs ?? 60_000),
    shapes: checkShapes({ ...defaultShapes, ...options.shapes }),
  };
}

/** The kinds that have connections, with how many. */
export function busyKinds(connections: Mix): readonly (readonly [Kind, number])[] {
  return kinds.flatMap((kind) => {
    const number = connections[kind] ?? 0;
    return number > 0 ? [[kind, number] as const] : [];
  });
}
