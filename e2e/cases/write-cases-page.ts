/** Writes docs/cases.md from the names of the tests: `node_modules/.bin/node e2e/cases/write-cases-page.ts`. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { casesPage } from './cases-page.ts';

const root = join(import.meta.dirname, '..', '..');
writeFileSync(join(root, 'docs', 'cases.md'), casesPage(root));
