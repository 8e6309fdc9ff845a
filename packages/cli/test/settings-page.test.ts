import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { settingsPage } from '../src/run/settings-page.ts';

it('docs/settings.md is what its script writes', () => {
  const file = join(import.meta.dirname, '..', '..', '..', 'docs', 'settings.md');
  assert.equal(
    readFileSync(file, 'utf8'),
    settingsPage(),
    'run: node packages/cli/scripts/write-settings-page.ts',
  );
});
