import type { Address, NodeTraffic } from '@lameduck/core';

/** One node as an edge sees it. */
export interface EdgeNode {
  readonly name: string;
  readonly address: Address;
  readonly weight: number;
  /** How long its weight rises to the full value when it is put back; 0 or nothing is at once. Gate mode only. */
  readonly slowStartMs?: number;
}

/** How far an edge is with taking a node out or putting it back. */
export type EdgeProgress =
  /** Sticky sessions: those that are bound to the node still go to it, new ones do not. */
  | { readonly state: 'draining' }
  /** The new configuration or gate answers. */
  | { readonly state: 'applied' }
  /** Reload mode: this many processes of the configuration before still serve and may still pick the node. */
  | { readonly state: 'old_draining'; readonly processes: number }
  /** No process of the edge can pick the node any more. */
  | { readonly state: 'quiesced' };

/** Why the edge can be believed: written into the report of the operation. */
export interface Proof {
  readonly edge: string;
  readonly mode: EdgeMode;
  /** Milliseconds from the call to the proof. */
  readonly ms: number;
  /** Configuration generation (reload) or gate epoch (gate) that answered. */
  readonly generation: number;
}

export type EdgeMode = 'gate' | 'reload';
export type EdgeState = 'starting' | 'ready' | 'reloading' | 'failed' | 'stopped';

/** A pause on purpose: every request waits at the edge. */
export interface EdgePause {
  /** When it began, in milliseconds since 1970. */
  readonly sinceMs: number;
  /** The longest that one request waits; then it gets 503 with `Retry-After`. */
  readonly holdMs: number;
}

/** `status` of one edge. */
export interface EdgeStatus {
  readonly name: string;
  readonly mode: EdgeMode;
  readonly state: EdgeState;
  /** `nginx/1.22.1`. */
  readonly server: string;
  readonly pid?: number;
  readonly listen?: string;
  /** Nodes that this edge does not send to. */
  readonly out: readonly string[];
  /** Generation of the configuration on disk: raised by each one that lameduck wrote and nginx took. */
  readonly generation?: number;
  /** Changes of the gate, since its include was first written. */
  readonly gateChanges?: number;
  /** All requests wait. */
  readonly paused?: EdgePause;
  /** Weights that were set at run time, by node; missing where all are as configured. */
  readonly weights?: Readonly<Record<string, number>>;
  /** How many wait now, because of the pause or because no node is in rotation. */
  readonly held?: number;
  /** Why the state is what it is, where it is not `ready`, or why nothing can be changed though it is. */
  readonly reason?: string;
}

/** What an edge counted for one node. */
export interface EdgeTraffic extends NodeTraffic {
  /** Requests under way as the edge knows them all at once: for charts. What an operation waits for is `inFlight`. */
  readonly inFlight: number;
}

/** Milliseconds, from the turn of the call on. */
export interface ChangeLimits {
  readonly removeMs: number;
  readonly restoreMs: number;
}

/** One file of an edge, as it is and as it would be. */
export interface FilePreview {
  readonly path: string;
  readonly before: string;
  readonly after: string;
}

/**
 * The proxy in front of the nodes. Every call takes an AbortSignal, is safe to repeat, and runs after the calls
 * before it on the same edge. Errors: `edgeRejected` (test or reload failed, rolled back), `edgeUnproven` (no
 * proof before the deadline), `binaryMissing`, `addressInUse`, `notRunning`.
 */
export interface Edge {
  readonly name: string;
  /** Known once `open` has resolved. */
  readonly mode: EdgeMode;
  /** Where clients reach it, as `http://host:port`, where lameduck knows it. */
  readonly url: string | undefined;
  /** The longest that `remove` and `restore` take until they resolve or reject, in the mode that is in use: for forecasts. */
  readonly changeLimits: ChangeLimits;
  /**
   * Tries what `open` would refuse for good, before anything else is started; nothing is changed, whatever the outcome. Throws
   * `config`, `edgeRejected`, `binaryMissing`.
   */
  rehearse?(): Promise<void>;
  /**
   * Starts the proxy or adopts the one that runs; resolves when it answers with exactly `out` left out. `notRunning`,
   * `addressInUse`, `edgeUnproven`: it may be well again later; anything else asks for another configuration or program.
   */
  open(out: readonly string[], signal: AbortSignal): Promise<void>;
  /**
   * Where sessions are sticky: for a time only those that are bound to the node go to it; resolves when that is over, and it
   * stays so until `remove` or `restore`. A courtesy that proves nothing. On failure nothing has changed.
   */
  drain?(node: string, onProgress: (progress: EdgeProgress) => void, signal: AbortSignal): Promise<void>;
  /** Resolves only when no process of the edge can pick the node any more. On failure nothing has changed. */
  remove(node: string, onProgress: (progress: EdgeProgress) => void, signal: AbortSignal): Promise<Proof>;
  /** Resolves when every process of the edge that takes new requests may pick the node. */
  restore(node: string, onProgress: (progress: EdgeProgress) => void, signal: AbortSignal): Promise<Proof>;
  /**
   * For a proxy that does not run: true when no process of it lives and it will start without the nodes of `out`, which is
   * asked when it is this call's turn. False where one lives, and then nothing has changed; where it rejects, neither.
   */
  prepare(out: () => readonly string[], signal: AbortSignal): Promise<boolean>;
  /**
   * Lets every request wait, body and all, each at most `holdMs` (else as the edge was set up); resolves when none is sent on
   * any more. It lasts until `resume`, also over a restart of the proxy. Throws `edgeRejected` where the edge cannot
   * hold requests.
   */
  pause(signal: AbortSignal, holdMs?: number): Promise<void>;
  /** Sends requests on again; resolves at once where there was no pause. */
  resume(signal: AbortSignal): Promise<void>;
  /**
   * Gives exactly these nodes other weights than the configured ones, until it is called again, also over a restart of the
   * proxy; resolves when every process of the edge that takes new requests picks by them.
   */
  weigh(weights: ReadonlyMap<string, number>, signal: AbortSignal): Promise<void>;
  /** Upper bound of the requests that the edge has under way to the node, sessions that are left to it apart; 0 is exact. */
  inFlight(node: string, signal: AbortSignal): Promise<number>;
  /** The same as of a moment ago and without waiting for anything, for what is shown each second; missing where it is as cheap. */
  shownInFlight?(node: string, signal: AbortSignal): Promise<number>;
  /** WebSockets and event streams that are left to the node to close; missing or 0 where they count as any request. */
  sessions?(node: string, signal: AbortSignal): Promise<number>;
  /**
   * What each node was sent, as the edge counted it since its start, at most 1 s late; a sum that falls is that of an
   * edge that was started anew. `undefined` where it counts none: in reload mode, and where the log phase is another's.
   */
  traffic(signal: AbortSignal): Promise<ReadonlyMap<string, EdgeTraffic> | undefined>;
  /** The files that would change if exactly these nodes were out besides those that are; touches nothing. */
  preview?(nodes: readonly string[], isOut: boolean): Promise<readonly FilePreview[]>;
  status(signal: AbortSignal): Promise<EdgeStatus>;
  /** Managed: stops the proxy gracefully, by force when the signal aborts. Attached: leaves it running. */
  close(signal: AbortSignal): Promise<void>;
  /** Leaves the proxy as it is, and has nothing more to do with it until `open`. */
  release(): Promise<void>;
}
