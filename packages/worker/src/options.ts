import type { DrainBudgets } from './drain-state.ts';
import type { RequestObserver } from './observe/request-observer.ts';
import type { ProbePaths } from './probes.ts';
import type { Protocols } from './protocols.ts';
import type { LimitOptions } from './request-limits.ts';
import { WorkerError } from './worker-error.ts';

/** How an application is served and how it leaves; all times in milliseconds. */
export interface AttachOptions {
  /** Most time the drain may take before what is left is aborted. 30,000: as Gunicorn's graceful_timeout. */
  readonly graceMs?: number;
  /** How long idle connections may stay open for the peer to close first. 5,000. */
  readonly lingerMs?: number;
  /** Idle time after which a keep-alive connection is closed; longer than the edge's. 75,000, as nginx has 60 s. */
  readonly keepAliveMs?: number;
  /** Time between failing readiness and the end of accepting, for balancers that poll. 0. */
  readonly lameDuckMs?: number;
  /** Time that a half-sent request header may hold the drain. 5,000. */
  readonly headerMs?: number;
  /** Most time for WebSockets and event streams after they were told to leave. 5,000. */
  readonly sessionMs?: number;
  /** Most time for the shutdown hooks from the end of the grace period; they may use what is left of that, too. 3,000. */
  readonly shutdownMs?: number;
  /** 200 while new requests are wanted, else 503. `/readyz`; empty for none. */
  readonly readinessPath?: string;
  /** 200 while the event loop turns. `/livez`; empty for none. */
  readonly livenessPath?: string;
  /** Most time until a handler has ended its answer: then 503, or a cut. 0: none. */
  readonly requestTimeoutMs?: number;
  /** Longest request body in bytes, else 413. 0: none. */
  readonly limitRequestBody?: number;
  /** Longest request header in bytes, else 431. 0: Node's own 16 KiB. */
  readonly limitRequestHeaderSize?: number;
  /** Most header fields, else 431. 0: none. */
  readonly limitRequestHeaderFields?: number;
  /** Answer clients that close their sending side after the request; then a client that goes away is noticed late. False. */
  readonly allowHalfOpen?: boolean;
  /** SIGTERM drains, SIGINT and SIGQUIT stop within 2 s. True. */
  readonly handleSignals?: boolean;
  /** End the process when everything is drained. True. */
  readonly exit?: boolean;
  /** Called once, when nothing is left to answer: see `shutdownMs`. */
  readonly onShutdown?: () => unknown;
}

/** Where to listen: a port (0 picks one) and host, a unix socket, or an inherited listening socket. */
export interface ServeOptions extends AttachOptions, Protocols {
  readonly host?: string;
  readonly port?: number;
  readonly path?: string;
  readonly fd?: number;
  /** Length of the accept queue. 511, as Node's and nginx's. */
  readonly backlog?: number;
}

/** Options with every default filled in. */
export interface Settings extends ProbePaths {
  readonly budgets: DrainBudgets;
  readonly keepAliveMs: number;
  readonly limits: LimitOptions;
  readonly allowHalfOpen: boolean;
  /** Only where a master wants answers to be measured or logged. */
  readonly observer?: RequestObserver | undefined;
  /** What an edge says with a request that it will send elsewhere if this node bounces it. */
  readonly promiseToken?: string | undefined;
  readonly handleSignals: boolean;
  readonly exit: boolean;
}

/** SIGINT and SIGQUIT: the most that a quick stop takes. */
const quickMs = 1500;
/** Longest delay of a Node timer; more would fire at once. */
const longestMs = 2 ** 31 - 1;

function readMs(name: string, value: number | undefined, fallback: number): number {
  const ms = value ?? fallback;
  if (typeof ms === 'number' && ms >= 0 && ms <= longestMs) return ms;
  const wanted = `milliseconds from 0 to ${longestMs} were wanted`;
  throw new WorkerError('usage', `Cannot use option "${name}": ${wanted}: current value is ${String(ms)}`);
}

function readPath(name: string, value: string | undefined, fallback: string): string {
  const path = value ?? fallback;
  if (path === '' || path.startsWith('/')) return path;
  const wanted = 'a path that starts with / was wanted';
  throw new WorkerError('usage', `Cannot use option "${name}": ${wanted}: current value is ${path}`);
}

function readLameDuckMs(value: number | undefined, graceMs: number): number {
  const ms = readMs('lameDuckMs', value, 0);
  if (ms === 0 || ms < graceMs) return ms;
  const wanted = `less than the grace period of ${graceMs} ms, which it is a part of, was wanted`;
  throw new WorkerError('usage', `Cannot use option "lameDuckMs": ${wanted}: current value is ${ms}`);
}

function readCount(name: keyof LimitOptions, value: number | undefined): number {
  const count = value ?? 0;
  if (Number.isSafeInteger(count) && count >= 0) return count;
  const wanted = 'a whole number from 0 on was wanted';
  throw new WorkerError('usage', `Cannot use option "${name}": ${wanted}: current value is ${String(count)}`);
}

function readLimits(options: AttachOptions): LimitOptions {
  return {
    requestTimeoutMs: readMs('requestTimeoutMs', options.requestTimeoutMs, 0),
    limitRequestBody: readCount('limitRequestBody', options.limitRequestBody),
    limitRequestHeaderSize: readCount('limitRequestHeaderSize', options.limitRequestHeaderSize),
    limitRequestHeaderFields: readCount('limitRequestHeaderFields', options.limitRequestHeaderFields),
  };
}

/** Checks the options and fills in the defaults. Throws `usage`. */
export function readSettings(options: AttachOptions): Settings {
  const graceMs = readMs('graceMs', options.graceMs, 30_000);
  return {
    budgets: {
      graceMs,
      lingerMs: readMs('lingerMs', options.lingerMs, 5000),
      lameDuckMs: readLameDuckMs(options.lameDuckMs, graceMs),
      headerMs: readMs('headerMs', options.headerMs, 5000),
      shutdownMs: readMs('shutdownMs', options.shutdownMs, 3000),
      sessionMs: readMs('sessionMs', options.sessionMs, 5000),
      quickMs,
    },
    keepAliveMs: readMs('keepAliveMs', options.keepAliveMs, 75_000),
    limits: readLimits(options),
    allowHalfOpen: options.allowHalfOpen ?? false,
    readinessPath: readPath('readinessPath', options.readinessPath, '/readyz'),
    livenessPath: readPath('livenessPath', options.livenessPath, '/livez'),
    handleSignals: options.handleSignals ?? true,
    exit: options.exit ?? true,
  };
}
