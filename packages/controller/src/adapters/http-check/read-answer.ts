/** How much of a body is looked at; an answer without an end in that is not waited for. */
export const maxBodyBytes = 65_536;
const maxHeadBytes = 16_384;
/**
 * What is no answer after so many bytes is none: answers of 1xx, or sizes of chunks, without an end. Above the longest
 * head, and a body just short of `maxBodyBytes` with one more read.
 */
export const maxAnswerBytes: number = maxHeadBytes + 2 * maxBodyBytes;

/** An HTTP answer as far as it has come. Text is latin1: one character is one byte. */
export type Reading =
  | { readonly type: 'more' }
  | { readonly type: 'bad'; readonly why: string }
  | {
      readonly type: 'answer';
      readonly status: number;
      readonly body: string;
      readonly isComplete: boolean;
      /** The answer told its length, and it is short enough to wait for. */
      readonly isShort: boolean;
      /** Complete, with nothing after it, on a connection that the peer leaves open. */
      readonly isReusable: boolean;
    };

const bad = (why: string): Reading => ({ type: 'bad', why });

/** Reads the bytes that have come. Answers of 1xx are passed over. Pure: called again with more bytes. */
export function readAnswer(text: string, isEnded: boolean): Reading {
  for (let at = 0; ; ) {
    const end = text.indexOf('\r\n\r\n', at);
    if (end === -1) return readPart(text.slice(at));
    const head = text.slice(at, end + 2);
    const status = /^HTTP\/1\.([01]) ([1-5]\d\d)[ \r]/.exec(head);
    if (status === null) return bad('no HTTP/1 answer');
    at = end + 4;
    if (status[2]?.startsWith('1')) continue;
    const rest = text.slice(at);
    return readBody({ status: Number(status[2]), isOld: status[1] === '0', head, rest, isEnded });
  }
}

/** What has come of a head that is not complete. */
function readPart(head: string): Reading {
  if (head.length > maxHeadBytes) return bad('a header of more than 16 KB');
  return 'HTTP/1.'.startsWith(head.slice(0, 7)) ? { type: 'more' } : bad('no HTTP/1 answer');
}

interface Head {
  readonly status: number;
  readonly isOld: boolean;
  readonly head: string;
  readonly rest: string;
  readonly isEnded: boolean;
}

function readBody({ status, isOld, head, rest, isEnded }: Head): Reading {
  const connection = header(head, 'connection')?.toLowerCase() ?? '';
  const isKept = isOld ? connection.includes('keep-alive') : !connection.includes('close');
  const answer = (body: string, isComplete: boolean, isShort: boolean, hasMore: boolean): Reading => ({
    type: 'answer',
    status,
    body: body.slice(0, maxBodyBytes),
    isComplete,
    isShort,
    isReusable: isComplete && isKept && !isEnded && !hasMore,
  });
  if (status === 204 || status === 304) return answer('', true, true, rest !== '');
  if (header(head, 'transfer-encoding')?.toLowerCase().includes('chunked')) {
    const { body, length } = decodeChunks(rest);
    return answer(body, length !== undefined, false, length !== rest.length);
  }
  const length = Number(header(head, 'content-length') ?? Number.NaN);
  if (Number.isNaN(length)) return answer(rest, isEnded, false, true);
  return answer(rest.slice(0, length), rest.length >= length, length <= maxBodyBytes, rest.length !== length);
}

function header(head: string, name: string): string | undefined {
  return new RegExp(`\\r\\n${name}:[ \\t]*([^\\r]*)`, 'i').exec(head)?.[1];
}

/** The body in the chunks that have come; `length` is that of all chunks once the last one is there. */
function decodeChunks(text: string): { body: string; length: number | undefined } {
  let body = '';
  for (let at = 0; body.length < maxBodyBytes; ) {
    const lineEnd = text.indexOf('\r\n', at);
    const size = chunkSize(text.slice(at, lineEnd === -1 ? at : lineEnd));
    if (size === undefined) break;
    const begin = lineEnd + 2;
    if (size === 0) {
      const end = text.startsWith('\r\n', begin) ? begin + 2 : text.indexOf('\r\n\r\n', begin) + 4;
      return { body, length: end >= begin + 2 ? end : undefined };
    }
    body += text.slice(begin, begin + size);
    at = begin + size + 2;
    if (at > text.length) break;
  }
  return { body, length: undefined };
}

/** Digits only: `parseInt` takes a sign and `0x` as well, and a size below 0 would never come to an end. */
function chunkSize(line: string): number | undefined {
  const digits = /^([\da-f]+)[ \t]*(?:;|$)/i.exec(line)?.[1];
  return digits === undefined ? undefined : Number.parseInt(digits, 16);
}
