/** Milliseconds that each part of the way out may take. */
export interface DrainBudgets {
  /** Time between failing readiness and the end of accepting; 0 where something else keeps the listening socket. */
  readonly lameDuckMs: number;
  /** Idle time after which a connection is closed, if its peer has not closed it. */
  readonly lingerMs: number;
  /** Time for a request header that was begun. */
  readonly headerMs: number;
  /** Most time from the start of the drain until what is left is aborted. */
  readonly graceMs: number;
  /** All of a quick stop (SIGINT, SIGQUIT), the hooks included. */
  readonly quickMs: number;
  /** Most time for the shutdown hooks of the application, from the end of the grace period; they may use that, too. */
  readonly shutdownMs: number;
  /** Most time from the end of accepting for WebSockets and event streams to end; the grace period bounds it, too. */
  readonly sessionMs: number;
}

/** The budgets, and whether siblings take connections over as they become idle. */
export interface DrainPlan extends DrainBudgets {
  readonly handOff: boolean;
}

/** How a process ends: nothing lost, a hook failed, or something outlived its time: a request, or the hooks. */
export type DrainExitCode = 0 | 1 | 5;

/** A phase with its budgets. */
export type WithBudgets<Phase extends string> = { readonly phase: Phase; readonly budgets: DrainPlan };
/** `cut` names the sessions that outlived their budget without having been told. */
export type WithCut<Phase extends string> = WithBudgets<Phase> & { readonly cut: readonly string[] };

export type DrainState =
  | WithBudgets<'starting'>
  | WithBudgets<'serving'>
  | WithBudgets<'lameDuck'>
  | WithCut<'draining'>
  | WithCut<'aborting'>
  | (WithBudgets<'stopping'> & { readonly aborted: readonly string[] })
  | { readonly phase: 'exited'; readonly code: DrainExitCode; readonly aborted: readonly string[] };

export type DrainEvent =
  | { readonly type: 'ready' }
  /** SIGTERM, the end of the master, or a call of `drain()`. */
  | { readonly type: 'terminate' }
  /** SIGINT or SIGQUIT. */
  | { readonly type: 'quit' }
  /** Siblings go on serving: there is nothing to wait for before the drain, and they take connections over. */
  | { readonly type: 'replaced' }
  /** No sibling can take a connection over, for now. */
  | { readonly type: 'handOffRefused' }
  /**
   * SIGTERM behind an edge that promised to send bounced requests elsewhere, and nobody has taken the node out: go on
   * accepting, but bounce, until `released`, at most for `ms`.
   */
  | { readonly type: 'bounce'; readonly ms: number }
  /** The moment has come to stop accepting. */
  | { readonly type: 'released' }
  /** The other side needs less time to close idle connections than was thought. */
  | { readonly type: 'lingerShortened'; readonly lingerMs: number }
  /** The node was told to leave before this worker is: so much is left of the grace period. */
  | { readonly type: 'graceShortened'; readonly graceMs: number }
  | { readonly type: 'timerExpired'; readonly timer: DrainTimer }
  /** A response has ended, or a connection has changed in another way. */
  | { readonly type: 'settled' }
  /** No connection is open. */
  | { readonly type: 'emptied' }
  /** The sessions have been ended; `names` are those of them that could not be told. */
  | { readonly type: 'sessionsCut'; readonly names: readonly string[] }
  /** Everything that was left has been cut. */
  | { readonly type: 'aborted'; readonly requests: readonly string[] }
  | { readonly type: 'shutdownEnded'; readonly isClean: boolean };

export type DrainTimer = 'lameDuck' | 'sweep' | 'session' | 'grace' | 'shutdown';

export type DrainEffect =
  | { readonly type: 'announceReady' }
  /** Readiness fails, answers are marked, the drain signal aborts, the master is told. */
  | { readonly type: 'announceDrain' }
  | { readonly type: 'stopAccepting' }
  /** Requests that the edge has promised to send elsewhere are not run any more. */
  | { readonly type: 'startBouncing' }
  /** A timer that runs already keeps its end, if that is earlier. */
  | { readonly type: 'startTimer'; readonly timer: DrainTimer; readonly ms: number }
  /** Close each connection that may be closed now (`connection-verdict.ts`). */
  | { readonly type: 'closeIdle'; readonly lingerMs: number; readonly headerMs: number }
  /** The same, among those connections only whose response has just ended. */
  | { readonly type: 'closeSettled'; readonly lingerMs: number; readonly headerMs: number }
  /** From here on `closeIdle` hands over what can be handed over, and only the rest is asked to leave. */
  | { readonly type: 'startHandOff' }
  | { readonly type: 'endHandOff' }
  /** Tell WebSockets and HTTP/2 sessions to leave. */
  | { readonly type: 'tellSessions' }
  /** End what is left of WebSockets and event streams. */
  | { readonly type: 'cutSessions' }
  | { readonly type: 'abortRemaining' }
  | { readonly type: 'runShutdown'; readonly aborted: readonly string[] }
  /** The hooks have not ended in time. */
  | { readonly type: 'tellShutdownCut' }
  | { readonly type: 'exit'; readonly code: DrainExitCode; readonly aborted: readonly string[] };

/** What one event does to the life of an application. */
export interface DrainTransition {
  readonly state: DrainState;
  readonly effects: readonly DrainEffect[];
}
