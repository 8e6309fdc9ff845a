import { type Token, tokenize } from './tokens.ts';

/** One directive of an nginx configuration, with the place where it stands. */
export interface Directive {
  readonly name: string;
  readonly words: readonly string[];
  readonly file: string;
  readonly line: number;
  /** Where the directive has a block: what stands in it, files that it includes put in place. */
  readonly block: readonly Directive[] | undefined;
}

/** The files that an `include` of this pattern names, in nginx's order. */
export type FindIncluded = (pattern: string) => readonly ConfigFile[];

export interface ConfigFile {
  readonly path: string;
  readonly text: string;
}

// nginx itself has no limit; a file that includes itself never gets past `nginx -t`
const mostNested = 32;

/** Reads a file and all that it includes. Takes any text: what nginx would refuse is read as far as it makes sense. */
export function readTree(main: ConfigFile, find: FindIncluded): readonly Directive[] {
  return readFile(main, find, 0);
}

function readFile(file: ConfigFile, find: FindIncluded, depth: number): readonly Directive[] {
  const cursor = { tokens: tokenize(file.text), at: 0 };
  const found: Directive[] = [];
  // a `}` too many ends a block that is none: go on behind it
  while (cursor.at < cursor.tokens.length) found.push(...readBlock(cursor, file.path, find, depth));
  return found;
}

interface Cursor {
  readonly tokens: readonly Token[];
  at: number;
}

function readBlock(cursor: Cursor, file: string, find: FindIncluded, depth: number): Directive[] {
  const found: Directive[] = [];
  let words: Token[] = [];
  for (;;) {
    const token = cursor.tokens[cursor.at];
    cursor.at += 1;
    if (token === undefined || token.kind === '}') return found;
    if (token.kind === 'word') {
      words.push(token);
      continue;
    }
    const [name, ...rest] = words;
    words = [];
    // nested blocks are few levels deep in any real file; a text of braces alone must not exhaust the stack
    const block =
      token.kind === '{' && depth < mostNested ? readBlock(cursor, file, find, depth + 1) : undefined;
    if (name === undefined) continue;
    const directive = { name: name.text, words: rest.map(({ text }) => text), file, line: name.line, block };
    found.push(...included(directive, find, depth));
  }
}

function included(directive: Directive, find: FindIncluded, depth: number): readonly Directive[] {
  const [pattern] = directive.words;
  if (directive.name !== 'include' || pattern === undefined || depth >= mostNested) return [directive];
  return [directive, ...find(pattern).flatMap((file) => readFile(file, find, depth + 1))];
}

/** Every directive of the tree with those it stands in, the nearest first. */
export function* walk(
  tree: readonly Directive[],
  parents: readonly Directive[] = [],
): Generator<{ readonly directive: Directive; readonly parents: readonly Directive[] }> {
  for (const directive of tree) {
    yield { directive, parents };
    if (directive.block !== undefined) yield* walk(directive.block, [directive, ...parents]);
  }
}

/** The directives of this name that stand directly in the block. */
export function named(block: readonly Directive[] | undefined, name: string): readonly Directive[] {
  return (block ?? []).filter((directive) => directive.name === name);
}
