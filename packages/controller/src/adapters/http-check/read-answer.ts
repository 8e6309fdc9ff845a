/** How much of a body is looked at; an answer without an end in that is not waited for. */
export const maxBodyBytes = 65_536;
const maxHeadBytes = 16_384;

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
  const end = text.indexOf('\r\n\r\n');
  if (end === -1) {
    if (text.length > maxHeadBytes) return bad('a header of more than 16 KB');
    return 'HTTP/1.'.startsWith(text.slice(0, 7)) ? { type: 'more' } : bad('no HTTP/1 answer');
  }
  const head = text.slice(0, end + 2);
  const status = /^HTTP\/1\.([01]) ([1-5]\d\d)[ \r]/.exec(head);
  if (status === null) return bad('no HTTP/1 answer');
  const rest = text.slice(end + 4);
  if (status[2]?.startsWith('1')) return readAnswer(rest, isEnded);
  return readBody({ status: Number(status[2]), isOld: status[1] === '0', head, rest, isEnded });
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
    const size = Number.parseInt(text.slice(at, lineEnd === -1 ? at : lineEnd), 16);
    if (lineEnd === -1 || Number.isNaN(size)) break;
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
