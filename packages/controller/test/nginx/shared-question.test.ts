import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { shareQuestion } from '../../src/adapters/nginx/shared-question.ts';

const never = new AbortController().signal;
const longMs = 60_000;

function countQuestions(): { ask: () => Promise<number>; asked: () => number } {
  let count = 0;
  return {
    ask: async () => {
      count += 1;
      return count;
    },
    asked: () => count,
  };
}

describe('a shared question', () => {
  it('is asked once for all who ask within its time, and again after that', async () => {
    const { ask, asked } = countQuestions();
    const long = shareQuestion(ask, longMs);
    assert.deepEqual(await Promise.all([long.read(never), long.read(never)]), [1, 1]);
    assert.equal(await long.read(never), 1);
    assert.equal(asked(), 1);
    const brief = shareQuestion(ask, 5);
    assert.equal(await brief.read(never), 2);
    await delay(10);
    assert.equal(await brief.read(never), 3);
  });

  it('is asked anew by whoever asks after it was forgotten, also while it is under way', async () => {
    const answers = [Promise.withResolvers<string>(), Promise.withResolvers<string>()];
    let place = 0;
    const question = shareQuestion(() => {
      const answer = answers[place] as (typeof answers)[number];
      place += 1;
      return answer.promise;
    }, longMs);
    const before = question.read(never);
    question.forget();
    const after = question.read(never);
    answers[0]?.resolve('before');
    answers[1]?.resolve('after');
    assert.equal(await before, 'before');
    assert.equal(await after, 'after');
    assert.equal(await question.read(never), 'after');
  });

  it('ends for one whose time is over, not for the others', async () => {
    const { promise, resolve } = Promise.withResolvers<string>();
    const question = shareQuestion(() => promise, longMs);
    const hasty = new AbortController();
    const [one, other] = [question.read(hasty.signal), question.read(never)];
    hasty.abort(new Error('too late'));
    await assert.rejects(one, /too late/);
    await assert.rejects(question.read(hasty.signal), /too late/);
    resolve('told');
    assert.equal(await other, 'told');
  });

  it('is not kept where it failed', async () => {
    let failures = 1;
    const question = shareQuestion(async () => {
      if (failures > 0) {
        failures -= 1;
        throw new Error('silent');
      }
      return 'told';
    }, longMs);
    await assert.rejects(question.read(never), /silent/);
    assert.equal(await question.read(never), 'told');
  });
});
