/*
 * Writes docs/settings.md from the settings' own table: `node packages/cli/scripts/write-settings-page.ts`, after a
 * build. A test fails while the page and the table differ.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { settingsPage } from '../dist/run/settings-page.js';

writeFileSync(join(import.meta.dirname, '..', '..', '..', 'docs', 'settings.md'), settingsPage());
