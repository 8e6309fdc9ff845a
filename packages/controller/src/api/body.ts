import { LameduckError } from '@lameduck/core';
import type { ApiContext } from './caller.ts';

/** No request of the API needs more. */
const mostBodyBytes = 64 * 1024;

/** The body as text. Throws `tooLarge` before it has read more than it takes. */
export async function readBody(context: ApiContext): Promise<string> {
  const told = Number(context.req.header('content-length') ?? 0);
  if (told > mostBodyBytes) throw tooLarge(context);
  const { body } = context.req.raw;
  if (body === null) return '';
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.byteLength;
    if (bytes > mostBodyBytes) throw tooLarge(context);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

/** Nobody reads the rest: the connection ends. */
function tooLarge(context: ApiContext): LameduckError {
  context.header('connection', 'close');
  return new LameduckError('tooLarge', `Cannot read the body: at most ${mostBodyBytes} bytes are wanted`);
}

/** Nothing is an empty object. Throws `usage`. */
export function parseJson(text: string): unknown {
  try {
    return text === '' ? {} : JSON.parse(text);
  } catch (error) {
    throw new LameduckError('usage', 'Cannot read the body: JSON is wanted', { isMalformed: true }, error);
  }
}
