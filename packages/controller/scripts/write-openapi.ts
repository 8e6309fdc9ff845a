/*
 * Writes openapi.json from the routes' own table: `node packages/controller/scripts/write-openapi.ts`, after a build. A
 * test fails while the file and the table differ.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openApiDocument } from '../dist/api/routes.js';

const file = join(import.meta.dirname, '..', 'openapi.json');
writeFileSync(file, `${JSON.stringify(openApiDocument(), undefined, 2)}\n`);
