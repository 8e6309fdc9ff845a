/** Where the `}` stands that ends the Lua code which begins at `from`: braces in strings and comments do not count. */
export function endOfLua(text: string, from: number): number {
  let depth = 0;
  let at = from;
  while (at < text.length) {
    const character = text[at] ?? '';
    if (character === '}' && depth === 0) return at;
    if (character === '{') depth += 1;
    if (character === '}') depth -= 1;
    at = afterLua(text, at);
  }
  return text.length;
}

/** The place behind the string or comment that begins here, else behind the one character. */
function afterLua(text: string, at: number): number {
  const character = text[at];
  if (character === '"' || character === "'") return afterString(text, at);
  if (character === '[') return afterLong(text, at) ?? at + 1;
  if (character !== '-' || text[at + 1] !== '-') return at + 1;
  const long = text[at + 2] === '[' ? afterLong(text, at + 2) : undefined;
  if (long !== undefined) return long;
  const end = text.indexOf('\n', at);
  return end < 0 ? text.length : end;
}

function afterString(text: string, from: number): number {
  let at = from + 1;
  // a string ends at its line, so that a stray quote does not swallow the rest of the file
  while (at < text.length && text[at] !== text[from] && text[at] !== '\n') at += text[at] === '\\' ? 2 : 1;
  return Math.min(text.length, at + 1);
}

/** `[[ … ]]`, `[==[ … ]==]`; `undefined` where none begins here. */
function afterLong(text: string, at: number): number | undefined {
  const opening = /^\[(=*)\[/.exec(text.slice(at, at + 64));
  if (opening === null) return undefined;
  const closing = `]${opening[1]}]`;
  const end = text.indexOf(closing, at + opening[0].length);
  return end < 0 ? text.length : end + closing.length;
}
