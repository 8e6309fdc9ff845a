/** What a caller of the API may do: look, or look and act. */
export type Role = 'viewer' | 'operator';

/** One thing that somebody did, or was refused, over the API. Fields may be added, never renamed. */
export interface AuditEntry {
  readonly id: number;
  /** ISO 8601, UTC. */
  readonly at: string;
  /**
   * The name of the token over TCP (`anonymous` without a valid one). Over the unix socket `user (claimed)`: only its
   * owner can open it, and who of those it was the client itself says.
   */
  readonly who: string;
  /** `none` where no valid token came. */
  readonly role: Role | 'none';
  /** `unix` or the client's address; what the client says of itself follows in brackets. */
  readonly from: string;
  /** `drain`, `rollout`, `pause`, …; `GET /v1/status` for a refused look. */
  readonly action: string;
  /** The node, or the service. */
  readonly subject: string;
  /** `accepted` when it began, then the result of the operation; `refused` where it did not begin. */
  readonly result: string;
  /** Why it was refused or failed. */
  readonly reason?: string;
}
