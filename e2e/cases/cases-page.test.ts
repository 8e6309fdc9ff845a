import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { caseIds, casesPage, findCaseTests } from './cases-page.ts';

const root = join(import.meta.dirname, '..', '..');

test('every case has a test that carries its id', () => {
  const proved = new Set(findCaseTests(root).flatMap(({ ids }) => ids));
  assert.deepEqual(
    caseIds.filter((id) => !proved.has(id)),
    [],
  );
});

test('docs/cases.md lists them as they are', () => {
  const found = readFileSync(join(root, 'docs', 'cases.md'), 'utf8');
  assert.equal(found, casesPage(root), 'run: node_modules/.bin/node e2e/cases/write-cases-page.ts');
});
