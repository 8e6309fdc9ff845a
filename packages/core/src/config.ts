import type { Address } from './address.ts';
import type { ApiConfig } from './config-api.ts';
import type { LaunchConfig } from './config-launch.ts';
import type { HooksConfig, RolloutConfig } from './config-rollout.ts';
import type { PassiveLimits } from './passive-health.ts';

/** How an edge spreads requests over the nodes in rotation. */
export type Balance =
  | { readonly type: 'round_robin' | 'least_conn' | 'ip_hash' }
  | { readonly type: 'hash'; readonly key: string; readonly isConsistent: boolean };

/** Each client stays with one node, by a cookie that nginx sets. */
export interface StickyConfig {
  readonly cookie: string;
  readonly path: string;
  /** How long a browser keeps it; `undefined`: until it is closed. */
  readonly expiresMs: number | undefined;
  /** For which hosts browsers send it; `undefined`: for the one that set it. */
  readonly domain: string | undefined;
  /** Whether browsers send it over TLS only. */
  readonly isSecure: boolean;
  /** Whether they send it with requests from other sites; `undefined` says nothing, and browsers take `lax`. */
  readonly sameSite: 'strict' | 'lax' | 'none' | undefined;
  /** How long the bound clients of a node that is to be taken out still go to it, while new ones do not. */
  readonly drainMs: number;
}

export interface StatusRange {
  readonly from: number;
  readonly to: number;
}

/** What must be in the body of a health answer. */
export type BodyMatch =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'pattern'; readonly source: string; readonly flags: string };

export interface HealthConfig {
  /** `http`: GET and look at the answer. `tcp`: a connection is enough. */
  readonly type: 'http' | 'tcp';
  readonly path: string;
  /** Checked instead of the port that requests go to. */
  readonly port: number | undefined;
  readonly intervalMs: number;
  /** The interval while the node is down. */
  readonly downIntervalMs: number;
  readonly timeoutMs: number;
  /** Checks in a row that must pass before the node takes traffic, and that must fail before it is isolated. */
  readonly rise: number;
  readonly fall: number;
  readonly expect: { readonly status: readonly StatusRange[]; readonly body: BodyMatch | undefined };
  /** How long the weight of a node that comes back rises to its full value; 0 is at once. */
  readonly slowStartMs: number;
  /** Errors that the edges count to the node itself; `undefined` where they are not looked at. */
  readonly passive: PassiveLimits | undefined;
}

interface EdgeBase {
  readonly name: string;
  readonly mode: 'auto' | 'gate' | 'reload';
  /** nginx binary; without it the one on PATH. */
  readonly nginx: string | undefined;
  /** Most time old nginx workers may take to leave after a reload. */
  readonly quiesceTimeoutMs: number;
}

export type EdgeConfig =
  | (EdgeBase & { readonly kind: 'managed'; readonly listen: Address })
  | (EdgeBase & {
      readonly kind: 'attached';
      readonly conf: string;
      readonly include: string;
      /** `-p` of the user's nginx, where the one that runs does not tell. */
      readonly prefix: string | undefined;
    });

interface NodeBase {
  readonly name: string;
  readonly address: Address;
  readonly weight: number;
  readonly env: Readonly<Record<string, string>>;
  /** Working directory, relative to the config file's folder. */
  readonly directory: string;
  readonly launch: LaunchConfig;
  readonly health: HealthConfig;
  /** What runs around a change of its version; `undefined` where nothing does. */
  readonly hooks: HooksConfig | undefined;
}

export interface AppNodeConfig extends NodeBase {
  readonly kind: 'app';
  readonly entry: string;
  readonly workers: number;
}

export interface GunicornNodeConfig extends NodeBase {
  readonly kind: 'gunicorn';
  readonly app: string;
  readonly workers: number;
  readonly command: string | undefined;
  readonly python: string | undefined;
  readonly workerClass: string | undefined;
  readonly arguments: readonly string[];
}

export interface ProcessNodeConfig extends NodeBase {
  readonly kind: 'process';
  readonly start: string | readonly string[];
  readonly pidfile: string | undefined;
}

export interface SystemdNodeConfig extends NodeBase {
  readonly kind: 'systemd';
  /** A service unit. */
  readonly unit: string;
  /** Of the service manager of the user, not of the system. */
  readonly isUserUnit: boolean;
}

export type NodeConfig = AppNodeConfig | GunicornNodeConfig | ProcessNodeConfig | SystemdNodeConfig;

export interface ShutdownConfig {
  /** The node's own deadline after SIGTERM. */
  readonly timeoutGracefulShutdownMs: number;
  /** What the controller waits beyond it before it kills. */
  readonly marginMs: number;
  /** Most time between the proof that the node is out of rotation and SIGTERM, while requests are in flight. */
  readonly drainTimeoutMs: number;
  /** WebSockets and event streams: waited for like any request, or left to the node to close when it gets SIGTERM. */
  readonly sessions: 'finish' | 'close';
}

/** A checked configuration; every field is present. Paths are as written, relative to the file's folder. */
export interface Config {
  readonly service: string;
  readonly stateDirectory: string;
  readonly edges: readonly EdgeConfig[];
  readonly nodes: readonly NodeConfig[];
  readonly balance: Balance;
  /** Only where an edge has no gate. */
  readonly sticky: StickyConfig | undefined;
  readonly shutdown: ShutdownConfig;
  /** Most time from the start of a node until it is healthy. */
  readonly startup: { readonly timeoutMs: number };
  readonly availability: {
    /** The fewest nodes that our own actions may leave in rotation. */
    readonly minAvailable: number;
    /** Percentage of healthy nodes below which health isolates nobody; `undefined`: only the last node is kept. */
    readonly panicPercent: number | undefined;
    /** The longest that a request waits at the edge while no node may take it. */
    readonly holdMs: number;
    /** Which edges must have proved that a node is out before it is signalled. */
    readonly require: 'all' | 'quorum';
  };
  readonly rollout: RolloutConfig;
  /** `undefined`: only the unix socket. */
  readonly api: ApiConfig | undefined;
}

/** The longest that requests can be made to wait: a request costs the edge a connection and its body for as long. */
export const longestHoldMs = 600_000;

/** One thing that is wrong, with the path of keys and indexes that leads to it. */
export interface ConfigProblem {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** The longest the master waits beyond the worker's deadline; it must end before the controller's. */
export const largestKillMarginMs = 2000;

/** What the master waits beyond the worker's deadline: inside the controller's margin, so that deadlines nest. */
export function killMarginMs(shutdown: ShutdownConfig): number {
  return Math.min(largestKillMarginMs, Math.floor(shutdown.marginMs / 2));
}
