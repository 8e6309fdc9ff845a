import { LameduckError } from '@lameduck/core';
import {
  type Document,
  isMap,
  isNode,
  isScalar,
  LineCounter,
  type Node,
  type Pair,
  type ParsedNode,
  parseDocument,
} from 'yaml';
import { type AliasProblem, findAliasProblems, lastAlias } from './read-aliases.ts';

export interface Place {
  readonly line: number;
  readonly column: number;
}

/** Where in the file a path of keys stands; the nearest existing parent where the path itself is missing. */
export type Locate = (path: readonly (string | number)[]) => Place | undefined;

/** Reads YAML or JSON (which is YAML). Throws `config` with file, line and column for bad syntax. */
export function readDocument(file: string, text: string): { value: unknown; locate: Locate } {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const refuse = (problems: readonly AliasProblem[]): void => {
    if (problems.length === 0) return;
    const messages = problems.map(({ offset, message }) => {
      const { line, col } = lines.linePos(offset);
      return `${file}:${line}:${col} ${message}`;
    });
    throw new LameduckError('config', messages.join('\n'), { file });
  };
  refuse(document.errors.map(({ pos, message }) => ({ offset: pos[0], message })));
  refuse(findAliasProblems(document));
  return {
    value: toValue(document, refuse),
    locate(path) {
      const offset = offsetOf(document.contents, path) ?? 0;
      const { line, col } = lines.linePos(offset);
      return { line, column: col };
    },
  };
}

/** Aliases of aliases can stand for more than fits into memory: the parser gives up long before. */
function toValue(
  document: Document.Parsed<ParsedNode>,
  refuse: (problems: readonly AliasProblem[]) => void,
): unknown {
  try {
    return document.toJS();
  } catch (thrown) {
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    refuse([{ offset: lastAlias(document), message }]);
    throw thrown;
  }
}

/** For a key of a map the place of the key itself: that is what the message names. */
function offsetOf(root: Node | null, path: readonly (string | number)[]): number | undefined {
  let node: unknown = root;
  let offset = root?.range?.[0];
  for (const key of path) {
    const pair: Pair | undefined = isMap(node)
      ? node.items.find((item) => isScalar(item.key) && item.key.value === key)
      : undefined;
    const next = isMap(node)
      ? pair?.value
      : (node as { get?(key: unknown, keep: true): unknown })?.get?.(key, true);
    const at = pair !== undefined && isNode(pair.key) ? pair.key : next;
    if (!isNode(at)) break;
    offset = at.range?.[0];
    node = next;
  }
  return offset;
}
