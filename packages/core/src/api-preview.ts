import type { OperationKind } from './report.ts';

/** What an operation on a node would do now; nothing is touched or reserved by asking. */
export interface Preview {
  readonly operation: OperationKind;
  readonly node: string;
  readonly allowed: boolean;
  /** Why not, in the guard's words. */
  readonly reason?: string;
  /** Nodes in rotation now, those that stay in rotation while it runs, and of how many. */
  readonly inRotation: number;
  readonly staysInRotation: number;
  readonly of: number;
  /** Requests under way to the node now. */
  readonly inFlight: number;
  /** The longest that it can take: the sum of its deadlines. */
  readonly atMostMs: number;
}
