import { formatBodyMatch, type HealthConfig, judgeStatus, matchesBody } from '@lameduck/core';
import { maxBodyBytes, type Reading } from './read-answer.ts';

/** What a check says of an answer; `undefined` while more of it is needed. */
export type Judgement = { readonly passed: boolean; readonly detail: string } | undefined;

const failed = (detail: string): Judgement => ({ passed: false, detail });

/** Judges an answer as far as it has come. `isEnded`: no more will. */
export function judgeAnswer(reading: Reading, expect: HealthConfig['expect'], isEnded: boolean): Judgement {
  if (reading.type === 'bad') return failed(reading.why);
  const early = isEnded ? failed('the connection was closed before the answer was complete') : undefined;
  if (reading.type === 'more') return early;
  const wrong = judgeStatus(reading.status, expect);
  if (wrong !== undefined) return failed(wrong);
  const passed: Judgement = { passed: true, detail: `status ${reading.status}` };
  if (expect.body === undefined) return reading.isComplete || !reading.isShort ? passed : early;
  const isAll = reading.isComplete || reading.body.length >= maxBodyBytes;
  // an anchor of a pattern means the end of the body, not of what has come of it
  const isReady = isAll || expect.body.kind === 'text';
  if (isReady && matchesBody(Buffer.from(reading.body, 'latin1').toString(), expect.body)) return passed;
  if (!isAll) return early;
  const where = reading.isComplete ? 'in the body' : `in the first ${maxBodyBytes} bytes of the body`;
  return failed(`status ${reading.status}, no ${formatBodyMatch(expect.body)} ${where}`);
}
