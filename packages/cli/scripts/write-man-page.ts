/*
 * Writes man/lameduck.1 from the program's own commands: `node packages/cli/scripts/write-man-page.ts`, after a build. A
 * test fails while the page and the program differ.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeProgram } from '../dist/completion/describe-program.js';
import { manPage } from '../dist/completion/man-page.js';
import { createProgram, exitCodeHelp } from '../dist/program.js';
import { version } from '../dist/version.js';

const folder = join(import.meta.dirname, '..', 'man');
mkdirSync(folder, { recursive: true });
const page = manPage(version, describeProgram(await createProgram(undefined)), exitCodeHelp);
writeFileSync(join(folder, 'lameduck.1'), page);
