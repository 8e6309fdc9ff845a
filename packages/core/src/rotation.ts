import type { ErrorCode, ErrorDetails } from './errors.ts';
import type { EdgeProof } from './report.ts';

/*
 * Who may be sent to, on several edges at once. An operation, or health, orders that a node be out or back; the owner of
 * each edge applies the order and answers; whoever ordered waits for the answers.
 *
 *   ordered ──► every edge proved                                                       ──► done
 *           ──► a removal, `quorum`: more than half proved, all others are down          ──► done, the others unproven
 *           ──► a removal, `living`: all that are not down proved                        ──► done, the others unproven
 *           ──► a return: at least one did it, all others are down                       ──► done, the others unproven
 *           ──► one failed, or too many are down                                         ──► failed
 *           ──► any other                                                                ──► wait
 *
 * "Down" is no silence. It says that no process of the edge lives, and that it will start with the orders of now: such an
 * edge cannot send to anybody. An edge of which that is not certain has failed, and nothing goes on without it.
 *
 * Invariants (property tests): no removal is done while an edge that may send to the node has not proved; an answer to
 * an older order, or of an earlier life of an edge's owner, never counts.
 */

/** `all`: every edge must prove. `quorum`: more than half, if the others are down. `living`: all that are not down. */
export type Require = 'all' | 'quorum' | 'living';

/** What is wanted of one node on every edge. */
export interface RotationOrder {
  readonly isOut: boolean;
  /** Of the entry of desired state; 0 before the first. */
  readonly revision: number;
  /** The number of orders since that revision which the store did not take; 0 for one that it has. */
  readonly unwritten: number;
}

/** Of a node of which nobody has ordered anything. */
export const firstOrder: RotationOrder = { isOut: false, revision: 0, unwritten: 0 };

export type EdgeOutcome =
  /** No process of the edge does otherwise any more. */
  | { readonly type: 'proved'; readonly proof: EdgeProof }
  /** No process of the edge lives, and it will start with this order. */
  | { readonly type: 'down'; readonly reason: string }
  /** It may do otherwise, now or later. */
  | { readonly type: 'failed'; readonly problem: EdgeProblem };

export interface EdgeProblem {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details: ErrorDetails;
}

/** What the owner of an edge answers to an order. */
export interface EdgeAck {
  readonly order: RotationOrder;
  /** Which life of the edge's owner it is from: the revision under which that life began. */
  readonly life: number;
  readonly outcome: EdgeOutcome;
}

/** What is known of one edge about one node. */
export interface EdgeFacts {
  readonly edge: string;
  /** The present life of its owner; `undefined` while it has none. */
  readonly life: number | undefined;
  readonly ack: EdgeAck | undefined;
}

export type EdgeAnswer = { readonly edge: string } & (EdgeOutcome | { readonly type: 'waiting' });

/** The later of two orders is the greater one. */
export function compareOrders(one: RotationOrder, other: RotationOrder): number {
  return one.revision - other.revision || one.unwritten - other.unwritten;
}

/**
 * What an edge has answered to this order: nothing where its answer is to an older order or to one that wants the
 * opposite, or comes from an earlier life of its owner.
 */
export function answerOf({ edge, life, ack }: EdgeFacts, order: RotationOrder): EdgeAnswer {
  const counts =
    ack !== undefined &&
    ack.life === life &&
    ack.order.isOut === order.isOut &&
    compareOrders(ack.order, order) >= 0;
  return counts ? { edge, ...ack.outcome } : { edge, type: 'waiting' };
}

export type Verdict =
  | { readonly type: 'wait' }
  | { readonly type: 'done'; readonly proofs: readonly EdgeProof[]; readonly unproven: readonly string[] }
  | { readonly type: 'failed'; readonly edge: string; readonly problem: EdgeProblem };

/** Whether a node is out of rotation, as far as the policy asks for. */
export function judgeRemoval(answers: readonly EdgeAnswer[], require: Require): Verdict {
  const { proofs, down, failed, waiting } = sortAnswers(answers);
  if (failed !== undefined) return failed;
  const [firstDown] = down;
  if (firstDown !== undefined) {
    const most = answers.length - down.length;
    const isHopeless =
      require === 'all' || (require === 'quorum' && most * 2 <= answers.length) || most === 0;
    if (isHopeless) return downFailure(firstDown, require);
  }
  return waiting ? { type: 'wait' } : { type: 'done', proofs, unproven: down.map(({ edge }) => edge) };
}

/** Whether a node is back in rotation wherever requests are taken at all. */
export function judgeReturn(answers: readonly EdgeAnswer[]): Verdict {
  const { proofs, down, failed, waiting } = sortAnswers(answers);
  if (failed !== undefined) return failed;
  if (waiting) return { type: 'wait' };
  const [firstDown] = down;
  if (proofs.length === 0 && firstDown !== undefined) return downFailure(firstDown, 'living');
  return { type: 'done', proofs, unproven: down.map(({ edge }) => edge) };
}

/**
 * Whether a removal that failed has been taken back: on every edge but the one that failed, which is as before. An edge that
 * is down sends nothing, and will start with the node in rotation.
 */
export function judgeRevert(answers: readonly EdgeAnswer[], failedEdge: string): Verdict {
  const others = answers.filter(({ edge }) => edge !== failedEdge);
  const { proofs, failed, waiting } = sortAnswers(others);
  if (waiting) return { type: 'wait' };
  return failed ?? { type: 'done', proofs, unproven: [] };
}

interface Sorted {
  readonly proofs: readonly EdgeProof[];
  readonly down: readonly Extract<EdgeAnswer, { type: 'down' }>[];
  readonly failed: Extract<Verdict, { type: 'failed' }> | undefined;
  readonly waiting: boolean;
}

function sortAnswers(answers: readonly EdgeAnswer[]): Sorted {
  const failed = answers.find((answer) => answer.type === 'failed');
  return {
    proofs: answers.flatMap((answer) => (answer.type === 'proved' ? [answer.proof] : [])),
    down: answers.filter((answer) => answer.type === 'down'),
    failed: failed === undefined ? undefined : { type: 'failed', edge: failed.edge, problem: failed.problem },
    waiting: answers.some(({ type }) => type === 'waiting'),
  };
}

function downFailure({ edge, reason }: Extract<EdgeAnswer, { type: 'down' }>, require: Require): Verdict {
  const wanted = require === 'quorum' ? 'more than half of the edges' : 'every edge';
  const message =
    require === 'living'
      ? reason
      : `Cannot go on without edge "${edge}": ${wanted} must prove the change (availability.require): current value is: ${reason}`;
  return { type: 'failed', edge, problem: { code: 'edgeUnproven', message, details: { edge } } };
}

/** The nodes of which an edge does not what was ordered: those still to be answered, or answered otherwise. */
export function unconverged(
  orders: ReadonlyMap<string, RotationOrder>,
  acks: ReadonlyMap<string, EdgeAck>,
  out: readonly string[],
): readonly string[] {
  const isLeftOut = new Set(out);
  return [...orders].flatMap(([node, order]) => {
    const ack = acks.get(node);
    const isAnswered =
      order.revision === 0 && order.unwritten === 0
        ? true
        : ack !== undefined && ack.outcome.type === 'proved' && compareOrders(ack.order, order) >= 0;
    return isAnswered && isLeftOut.has(node) === order.isOut ? [] : [node];
  });
}
