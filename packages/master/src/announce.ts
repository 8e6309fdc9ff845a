import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { finished } from 'node:stream/promises';
import { LameduckError } from '@lameduck/core';

/** The controller that a master asks to take its node out of rotation. */
export interface ControllerAddress {
  /** Unix socket of its API. */
  readonly path: string;
  /** The name of the node there. */
  readonly node: string;
}

/** Most time for a controller to say that it has heard: half of what there is, as a machine on which many nodes leave is busy. */
const mostAnswerMs = 5000;
const answerShare = 0.5;

/**
 * Asks the controller to let this node leave within `waitMs`. Resolves when the controller has accepted; its answer
 * goes on while it works. Rejects with `notRunning` where none answers in time, with `refused` where it says no.
 */
export async function announceLeave(
  { path, node }: ControllerAddress,
  waitMs: number,
  signal: AbortSignal,
): Promise<{ readonly ended: Promise<void> }> {
  const answerMs = Math.min(mostAnswerMs, Math.ceil(waitMs * answerShare));
  const answer = await ask(path, `/v1/nodes/${encodeURIComponent(node)}/leave`, waitMs, signal, answerMs);
  // what the operation tells is for people; here only its end counts
  answer.resume();
  const ended = finished(answer, { signal }).catch(() => undefined);
  if (answer.statusCode === 200) return { ended };
  throw new LameduckError(
    'refused',
    `Cannot announce node "${node}" to "${path}": status 200 is wanted: current value is ${answer.statusCode}`,
    { node, path },
  );
}

async function ask(
  socketPath: string,
  path: string,
  waitMs: number,
  signal: AbortSignal,
  answerMs: number,
): Promise<IncomingMessage> {
  const impatience = AbortSignal.timeout(answerMs);
  const headers = { 'content-type': 'application/json' };
  const asked = request({ socketPath, method: 'POST', path, headers, agent: false, signal });
  const giveUp = (): void => void asked.destroy(new Error(`no answer within ${answerMs} ms`));
  impatience.addEventListener('abort', giveUp, { once: true });
  try {
    asked.end(JSON.stringify({ pid: process.pid, waitMs }));
    const [answer] = (await once(asked, 'response')) as [IncomingMessage];
    return answer;
  } catch (error) {
    const message = `Cannot reach the controller at "${socketPath}": an answer is wanted: current value is ${LameduckError.from(error).message}`;
    throw new LameduckError('notRunning', message, { socketPath }, error);
  } finally {
    impatience.removeEventListener('abort', giveUp);
    // a connection that breaks later is the end of the answer
    asked.on('error', () => undefined);
  }
}
