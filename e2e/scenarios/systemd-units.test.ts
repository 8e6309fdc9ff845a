import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { projectRoot } from '../support/service-config.ts';

const isMissing = spawnSync('systemd-analyze', ['--version']).error !== undefined;

it('systemd has nothing to say against the unit files of the examples', {
  skip: isMissing && 'no systemd-analyze (package systemd)',
}, () => {
  const folder = join(projectRoot, 'examples', 'systemd');
  const units = readdirSync(folder).map((name) => join(folder, name));
  assert.ok(units.length >= 3);
  const { status, stderr } = spawnSync('systemd-analyze', ['verify', ...units], { encoding: 'utf8' });
  assert.deepEqual({ status, stderr }, { status: 0, stderr: '' });
});
