import { wentAway } from './error.ts';
import type { Answer } from './fetch.ts';

/** The lines of an answer as they come, without their ends. Throws `wentAway` where the connection breaks. */
export async function* readLines(answer: Answer): AsyncGenerator<string, undefined> {
  const reader = answer.body?.getReader();
  if (reader === undefined) return;
  const decoder = new TextDecoder();
  let rest = '';
  try {
    for (;;) {
      const { done, value } = await read(reader);
      rest += done ? decoder.decode() : decoder.decode(value, { stream: true });
      const lines = rest.split('\n');
      rest = done ? '' : (lines.pop() ?? '');
      yield* lines.filter((line, index) => !done || line !== '' || index < lines.length - 1);
      if (done) return;
    }
  } finally {
    // who has enough ends the connection
    await reader.cancel().catch(() => undefined);
  }
}

async function read(
  reader: ReturnType<NonNullable<Answer['body']>['getReader']>,
): ReturnType<typeof reader.read> {
  try {
    return await reader.read();
  } catch (cause) {
    throw wentAway(cause);
  }
}
