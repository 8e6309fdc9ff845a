/** What is known of one open connection while the application drains. */
export interface ConnectionView {
  /** Requests begun and not answered, to the last byte handed to the system. */
  readonly outstanding: number;
  /** Upgraded (WebSocket) or CONNECT: closed by the application or at the end of the grace period. */
  readonly isUpgraded: boolean;
  /** The request was answered early and its body is still arriving: closing now would destroy the answer. */
  readonly isBodyArriving: boolean;
  /** Bytes written that the system has not taken yet: a slow reader. */
  readonly unflushedBytes: number;
  /** Bytes that arrived since the last request: a header that was begun. */
  readonly newBytes: number;
  readonly idleForMs: number;
  readonly headerForMs: number;
}

/** The two budgets of a connection without a request. */
export interface IdleBudgets {
  readonly lingerMs: number;
  readonly headerMs: number;
}

/**
 * May this connection be destroyed now? Never while it owes or is owed anything; half-sent headers get their own
 * time, as `http.Server.close()` would wait for them for ever; idle ones are left for the peer to close first.
 */
export function mayDestroy(view: ConnectionView, budgets: IdleBudgets): boolean {
  if (view.isUpgraded || view.outstanding > 0) return false;
  if (view.isBodyArriving || view.unflushedBytes > 0) return false;
  if (view.newBytes > 0) return view.headerForMs >= budgets.headerMs;
  return view.idleForMs >= budgets.lingerMs;
}
