/**
 * Every setting of `lameduck run`, one entry each. From an entry come its flag, its environment variable, its key in
 * the settings file, the help, `--print-config` and docs/settings.md.
 *
 * To add one: add an entry here, hand its value on in `packages/cli/src/run/master-options.ts`, and run
 * `node packages/cli/scripts/write-settings-page.ts`.
 */
import type { Address } from './address.ts';
import { largestKillMarginMs } from './config.ts';
import { defaults } from './config-defaults.ts';
import { type Setting, setting } from './run-setting.ts';
import {
  address,
  bytes,
  choice,
  duration,
  list,
  optional,
  orWord,
  path,
  secret,
  text,
  toggle,
  urlPath,
  whole,
} from './setting-types.ts';

/** As Gunicorn's and Uvicorn's. */
const defaultBind: Address = { kind: 'tcp', host: '127.0.0.1', port: 8000 };
const none = undefined;
/** Most workers of one master, however they are asked for. */
export const largestPool = 512;
const largestCount = 1_000_000_000;

const serving = {
  entry: setting(
    'Serving',
    optional(path),
    none,
    'module that exports the application; the argument of "lameduck run"',
    {
      isFlagless: true,
    },
  ),
  bind: setting('Serving', address, defaultBind, 'where to listen', {
    short: '-b',
    variables: [{ name: 'PORT', read: (port) => `0.0.0.0:${port}` }],
  }),
  workers: setting('Serving', whole(1, largestPool), 1, 'worker processes', {
    short: '-w',
    variables: [{ name: 'WEB_CONCURRENCY' }],
  }),
  import: setting(
    'Serving',
    list('module', 'a module name or path'),
    [] as readonly string[],
    'load a module first in each worker; may be repeated',
  ),
  waitReady: setting(
    'Serving',
    toggle,
    false,
    "a worker is ready when its program says process.send('ready'), not when it listens",
  ),
  warmUp: setting(
    'Serving',
    list('path', 'a path that starts with /', (item) => item.startsWith('/')),
    [] as readonly string[],
    'ask the application for this path 20 times before a worker is ready, so that no client meets code that was never run; may be repeated',
  ),
  readinessPath: setting(
    'Serving',
    urlPath,
    defaults.readinessPath,
    'answers 200 while new requests are wanted',
  ),
  livenessPath: setting('Serving', urlPath, defaults.livenessPath, 'answers 200 while the process is alive'),
} as const;

const protocols = {
  certfile: setting('Protocols', optional(path), none, 'serve TLS with this certificate chain (PEM)'),
  keyfile: setting('Protocols', optional(path), none, 'its private key (PEM)'),
  http2: setting(
    'Protocols',
    toggle,
    false,
    'HTTP/2 beside HTTP/1.1: by ALPN with TLS, else with prior knowledge',
  ),
  allowHalfOpen: setting(
    'Protocols',
    toggle,
    false,
    'answer clients that half-close after their request; then one that goes away is noticed late',
  ),
} as const;

const limits = {
  requestTimeout: setting(
    'Limits',
    duration,
    0,
    'most time until a handler has ended its answer, event streams excepted: then 503; 0: none',
  ),
  limitRequestBody: setting('Limits', bytes, 0, 'longest request body, else 413; 0: none'),
  limitRequestHeaderSize: setting('Limits', bytes, 0, 'longest request header, else 431; 0: 16 KiB'),
  limitRequestHeaderFields: setting('Limits', whole(0, 100_000), 0, 'most header fields, else 431; 0: none'),
} as const;

const process = {
  pidfile: setting('Process', optional(path), none, 'write the pid of the master here', { short: '-p' }),
  control: setting('Process', optional(path), none, 'unix socket for "lameduck ctl"'),
  controller: setting(
    'Process',
    optional(path),
    none,
    'unix socket of the controller, which is asked to take this node out of rotation before a SIGTERM is obeyed',
  ),
  node: setting('Process', optional(text('name', 'a name')), none, 'the name of this node there'),
} as const;

const leaving = {
  promiseToken: setting(
    'Deadlines',
    secret(text('token', 'a token')),
    none as string | undefined,
    'what the nginx in front sets as X-Lameduck-Retry on requests that it sends elsewhere where a node closes the connection; then SIGTERM without a controller loses nothing',
    { isFlagless: true },
  ),
} as const;

const deadlines = {
  timeoutGracefulShutdown: setting(
    'Deadlines',
    duration,
    defaults.timeoutGracefulShutdownMs,
    'most time a worker may take to finish what it has',
  ),
  preStopDelay: setting(
    'Deadlines',
    duration,
    0,
    'serve on for so long after SIGTERM while readiness fails, for balancers that poll; a part of timeoutGracefulShutdown',
  ),
  sessionTimeout: setting(
    'Deadlines',
    duration,
    5000,
    'most time for WebSockets and event streams after they were told to leave',
  ),
  killMargin: setting(
    'Deadlines',
    duration,
    largestKillMarginMs,
    'what the master waits beyond timeoutGracefulShutdown before it kills, at least 500ms; six tenths of it belong to the shutdown hooks',
  ),
  linger: setting(
    'Deadlines',
    duration,
    defaults.lingerMs,
    'how long idle connections of a leaving worker may stay for the peer to close first',
  ),
  handOff: setting(
    'Deadlines',
    toggle,
    true,
    'hand idle connections of a leaving worker over to a sibling instead, where one stays',
  ),
  keepAlive: setting(
    'Deadlines',
    duration,
    defaults.keepAliveMs,
    'idle time of a connection; longer than the one of the proxy in front',
  ),
  readyTimeout: setting(
    'Deadlines',
    duration,
    defaults.startupTimeoutMs,
    'most time from the start of a worker until it is ready',
  ),
  minReady: setting(
    'Deadlines',
    orWord(duration, 'shared'),
    'shared' as const,
    'how long a new worker serves beside the one it replaces before that leaves; a reload in which it dies meanwhile fails. shared: all workers share 8s, 1s to 4s each. Not with --reload',
  ),
  heartbeatTimeout: setting(
    'Deadlines',
    duration,
    defaults.heartbeatTimeoutMs,
    'longest time an event loop may be blocked; then, within a second, its worker is killed and replaced',
  ),
  hangStack: setting(
    'Deadlines',
    toggle,
    true,
    'log the JavaScript stack of a blocked worker before it is killed',
  ),
} as const;

const recycling = {
  maxRequests: setting(
    'Recycling',
    whole(0, largestCount),
    0,
    'replace a worker after that many requests, looked at once a second; 0: never',
  ),
  maxRequestsJitter: setting(
    'Recycling',
    whole(0, largestCount),
    0,
    'up to that many requests more, chosen for each worker, so that they do not all leave at once',
  ),
  maxMemory: setting(
    'Recycling',
    bytes,
    0,
    'replace a worker whose resident memory is larger for three seconds; more than it needs at its start; 0: never',
  ),
  maxRecycling: setting(
    'Recycling',
    whole(1, largestPool),
    1,
    'most workers that are being replaced at once, and so most extra processes',
  ),
} as const;

const logging = {
  logFile: setting('Logs', optional(path), none, 'the log of the master goes here instead of standard error'),
  accessLog: setting(
    'Logs',
    optional(text('path', 'a path, or - for standard output')),
    none,
    'one line for each answer: a file, or - for standard output',
  ),
  accessLogFormat: setting(
    'Logs',
    choice('json', 'combined'),
    'json' as 'json' | 'combined',
    'lines as JSON, or as Apache and nginx write them',
  ),
  metrics: setting(
    'Metrics',
    toggle,
    false,
    'measure how long answers take, as a histogram; all other metrics are always there',
  ),
  metricsBind: setting(
    'Metrics',
    optional(address),
    none,
    'serve GET /metrics here too, not only on the control socket; implies metrics',
  ),
  metricsToken: setting(
    'Metrics',
    secret(text('token', 'a token')),
    none as string | undefined,
    'wanted as "Authorization: Bearer TOKEN" by metricsBind; must be set where that is not loopback or a unix socket',
    { isFlagless: true },
  ),
} as const;

const development = {
  reload: setting(
    'Development',
    toggle,
    false,
    'watch the folder of the entry and reload when a file changes',
  ),
  reloadDir: setting(
    'Development',
    list('dir', 'a folder'),
    [] as readonly string[],
    'watch this folder instead; may be repeated',
  ),
} as const;

export const runSettings = {
  ...serving,
  ...protocols,
  ...process,
  ...deadlines,
  ...leaving,
  ...limits,
  ...recycling,
  ...logging,
  ...development,
} as const;

export type SettingName = keyof typeof runSettings;

/** The value of every setting. */
export type RunSettings = {
  readonly [Name in SettingName]: (typeof runSettings)[Name] extends Setting<infer Value> ? Value : never;
};

/** All settings in the order of the table, for whoever treats them alike. */
export const settingList: readonly (readonly [name: SettingName, setting: Setting<unknown>])[] =
  Object.entries(runSettings) as never;

/** `maxRequests` as `--max-requests`. */
export function flagOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** `maxRequests` as `LAMEDUCK_MAX_REQUESTS`. */
export function variableOf(name: string): string {
  return `LAMEDUCK_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}
