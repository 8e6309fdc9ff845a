/**
 * Why a request is lost. `resetIdle`: a keep-alive connection that had carried a request before was closed or reset
 * before the first byte of this answer (ordinary clients retry that for GETs; this one never does, so it stays a
 * loss). `reset`: the same on a connection's first request. `truncated`: an answer began and did not end.
 *
 * `resetIdle` does not prove that no handler ran: a request that was being executed on a kept-alive connection looks
 * the same to a client. Only the servers' ledgers tell (`executedButLost`, `unseen`).
 */
export const lossReasons = [
  'errorStatus',
  'reset',
  'resetIdle',
  'refused',
  'truncated',
  'wrongBody',
  'timeout',
] as const;

/** One of `lossReasons`. */
export type LossReason = (typeof lossReasons)[number];

/** How one request ended. `latencyMs` leaves out the time that the request itself asked for. */
export type Outcome =
  | { readonly ok: true; readonly latencyMs: number }
  | {
      readonly ok: false;
      readonly reason: LossReason;
      /** Error code of the system or of Node, such as ECONNRESET. */
      readonly code?: string;
      readonly status?: number;
    };

/** What was seen of one request on the wire; `judge` makes the outcome of it. */
export interface Trace {
  readonly timedOut: boolean;
  readonly isConnected: boolean;
  /** The connection had carried another request before. */
  readonly isReused: boolean;
  /** Bytes that came back on the connection since the request was sent. */
  readonly receivedBytes: number;
  readonly errorCode: string | undefined;
  readonly answer: Answer | undefined;
  readonly latencyMs: number;
}

/** The answer's head, and whether all of its body came (Content-Length reached, or last chunk seen) and was right. */
export interface Answer {
  readonly status: number;
  readonly isComplete: boolean;
  readonly isRight: boolean;
}

function judgeAnswer(answer: Answer, trace: Trace): Outcome {
  const code = trace.errorCode === undefined ? {} : { code: trace.errorCode };
  if (answer.status !== 200) return { ok: false, reason: 'errorStatus', status: answer.status, ...code };
  if (!answer.isComplete) return { ok: false, reason: 'truncated', status: answer.status, ...code };
  if (!answer.isRight) return { ok: false, reason: 'wrongBody', status: answer.status };
  return { ok: true, latencyMs: trace.latencyMs };
}

function reasonWithoutAnswer(trace: Trace): LossReason {
  if (!trace.isConnected) return trace.errorCode === 'ETIMEDOUT' ? 'timeout' : 'refused';
  if (trace.receivedBytes > 0) return 'truncated';
  return trace.isReused ? 'resetIdle' : 'reset';
}

/** Whether the request is answered (complete, right, status 200), and if not, why it is lost. */
export function judge(trace: Trace): Outcome {
  if (trace.timedOut) {
    return {
      ok: false,
      reason: 'timeout',
      ...(trace.answer === undefined ? {} : { status: trace.answer.status }),
    };
  }
  if (trace.answer !== undefined) return judgeAnswer(trace.answer, trace);
  return { ok: false, reason: reasonWithoutAnswer(trace), code: trace.errorCode ?? 'ECLOSED' };
}
