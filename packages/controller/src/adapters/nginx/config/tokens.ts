import { endOfLua } from './lua-block.ts';

/** A word or a sign of an nginx file. `line` counts from 1. */
export interface Token {
  readonly kind: 'word' | ';' | '{' | '}';
  /** A word without its quotes and escapes. */
  readonly text: string;
  readonly line: number;
}

const whitespace = /[ \t\r\n]/;
const signs = new Set([';', '{', '}']);

/**
 * The tokens of an nginx file, as ngx_conf_read_token() of nginx tells them apart. The code of a `*_by_lua_block`
 * is one word, followed by a `;` that stands nowhere. Reads to the end of any text and never throws: whether nginx takes it is
 * for `nginx -t` to say.
 */
export function tokenize(text: string): readonly Token[] {
  const tokens: Token[] = [];
  let line = 1;
  let at = 0;
  let directive: string | undefined;
  const skipTo = (end: number): void => {
    for (let index = at; index < end; index += 1) if (text[index] === '\n') line += 1;
    at = end;
  };
  while (at < text.length) {
    const character = text[at] ?? '';
    if (whitespace.test(character)) skipTo(at + 1);
    else if (character === '#') skipTo(endOfLine(text, at));
    else if (character === '{' && directive?.endsWith('_by_lua_block')) {
      const end = endOfLua(text, at + 1);
      tokens.push({ kind: 'word', text: text.slice(at + 1, end), line }, { kind: ';', text: ';', line });
      directive = undefined;
      skipTo(Math.min(text.length, end + 1));
    } else if (signs.has(character)) {
      tokens.push({ kind: character as ';' | '{' | '}', text: character, line });
      directive = undefined;
      skipTo(at + 1);
    } else {
      const word = character === '"' || character === "'" ? readQuoted(text, at) : readPlain(text, at);
      tokens.push({ kind: 'word', text: withoutEscapes(word.raw), line });
      directive ??= word.raw;
      skipTo(word.end);
    }
  }
  return tokens;
}

interface Word {
  readonly raw: string;
  readonly end: number;
}

function endOfLine(text: string, from: number): number {
  const end = text.indexOf('\n', from);
  return end < 0 ? text.length : end;
}

function readQuoted(text: string, from: number): Word {
  const quote = text[from];
  let at = from + 1;
  while (at < text.length && text[at] !== quote) at += text[at] === '\\' ? 2 : 1;
  return { raw: text.slice(from + 1, at), end: Math.min(text.length, at + 1) };
}

/** Quotes and `#` inside a word are plain characters, as is the brace of `${name}`. */
function readPlain(text: string, from: number): Word {
  let at = from;
  while (at < text.length) {
    const character = text[at] ?? '';
    const isVariable = character === '{' && at > from && text[at - 1] === '$';
    if (whitespace.test(character) || character === ';' || (character === '{' && !isVariable)) break;
    at += character === '\\' ? 2 : 1;
  }
  // a lone `\` may be the last character of the file
  const end = Math.min(text.length, at);
  return { raw: text.slice(from, end), end };
}

const controls: Readonly<Record<string, string>> = { t: '\t', r: '\r', n: '\n' };

function withoutEscapes(raw: string): string {
  return raw.replace(/\\(["'\\trn])/g, (_, character: string) => controls[character] ?? character);
}
