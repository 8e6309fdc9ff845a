import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

/** The cases that the product is held to: of workers and masters (R), of edges and controllers (E). */
export const caseIds: readonly string[] = [
  ...Array.from({ length: 25 }, (_, index) => `R${index + 1}`),
  ...Array.from({ length: 30 }, (_, index) => `E${index + 1}`),
];

/** One test whose name begins with the ids of the cases that it proves. */
export interface CaseTest {
  readonly ids: readonly string[];
  /** The promise: its name without the ids. */
  readonly promise: string;
  /** Relative to the project's root, with `/`. */
  readonly file: string;
}

/** `it('E9, E10: …`, in any of the three quotes; what a template fills in stands as `…`. */
const named = /\b(?:it|test|describe)\(\s*(['"`])((?:[RE]\d+(?:, |: ))+)((?:\\.|(?!\1).)*)\1/g;

function testsIn(root: string, file: string): CaseTest[] {
  return [...readFileSync(file, 'utf8').matchAll(named)].map(([, , ids = '', promise = '']) => ({
    ids: [...ids.matchAll(/[RE]\d+/g)].map(([id]) => id),
    promise: promise.replace(/\$\{[^}]*\}/g, '…').replace(/\\(.)/g, '$1'),
    file: relative(root, file),
  }));
}

/** Every test of the project that carries the id of a case. */
export function findCaseTests(root: string): readonly CaseTest[] {
  return ['packages', 'e2e']
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.test.ts') && !name.includes('node_modules'))
        .sort()
        .map((name) => join(root, folder, name)),
    )
    .flatMap((file) => testsIn(root, file));
}

/** docs/cases.md */
export function casesPage(root: string): string {
  const tests = findCaseTests(root);
  const rows = caseIds.flatMap((id) =>
    tests
      .filter(({ ids }) => ids.includes(id))
      .map(
        ({ promise, file }, index) =>
          `| ${index === 0 ? `**${id}**` : ''} | ${promise} | [${file}](../${file}) |`,
      ),
  );
  return [
    '<!-- Written by e2e/cases/write-cases-page.ts from the names of the tests. -->',
    '# Which test proves which case',
    '',
    'Each case that the product is held to has an id; each test that proves one carries it in its name. R: workers and masters. E: edges and',
    'the controller. `make test` runs them all; one file alone: `node_modules/.bin/node --test FILE`. What was measured beyond: [guarantees.md](guarantees.md).',
    '',
    '| case | promise | test |',
    '|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}
