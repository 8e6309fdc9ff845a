import { type Alias, type Document, type ParsedNode, visit } from 'yaml';

/** Something that YAML allows to be written and that stands for no value; `offset` is its place in the text. */
export interface AliasProblem {
  readonly offset: number;
  readonly message: string;
}

/** Every alias of the document that stands for nothing, or for itself. */
export function findAliasProblems(document: Document.Parsed<ParsedNode>): readonly AliasProblem[] {
  const problems: AliasProblem[] = [];
  visit(document, {
    Alias(_key, alias, path) {
      const problem = problemOf(alias, document, path);
      if (problem !== undefined) problems.push({ offset: alias.range?.[0] ?? 0, message: problem });
    },
  });
  return problems;
}

function problemOf(
  alias: Alias,
  document: Document.Parsed<ParsedNode>,
  path: readonly unknown[],
): string | undefined {
  const target = alias.resolve(document);
  const text = `*${alias.source}`;
  if (target === undefined)
    return `${text}: must have &${alias.source} before it, or quotes where a text is meant ("${text}")`;
  return path.includes(target) ? `${text}: must not stand in what it names (&${alias.source})` : undefined;
}

/** The last alias, which is the one that stands for most where aliases stand for aliases. */
export function lastAlias(document: Document.Parsed<ParsedNode>): number {
  let last = 0;
  visit(document, {
    Alias(_key, alias) {
      last = alias.range?.[0] ?? last;
    },
  });
  return last;
}
