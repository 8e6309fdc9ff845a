import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Launch } from '../../src/index.ts';
import { temporaryDirectory } from '../support/master-process.ts';

const source = fileURLToPath(new URL('../../src/launch.ts', import.meta.url));
const program = `
import { takeLaunch } from ${JSON.stringify(source)};
try {
  process.stdout.write(JSON.stringify({ launch: takeLaunch(), left: process.env }));
} catch ({ code, message }) {
  process.stdout.write(JSON.stringify({ code, message }));
}
`;

interface Said {
  readonly launch: Launch;
  readonly left: Readonly<Record<string, string>>;
  readonly code?: string;
  readonly message?: string;
}

function run(
  directory: string,
  file: string,
  options: readonly string[],
  environment: Readonly<Record<string, string>>,
): Said {
  const path = join(directory, 'program.mjs');
  writeFileSync(path, program);
  const { stdout } = spawnSync(file, [...options, path, 'run', 'app.js'], {
    cwd: join(directory, 'current'),
    env: environment,
    encoding: 'utf8',
  });
  return JSON.parse(stdout) as Said;
}

it('R22: a process knows how to start itself anew: names as they were written, the first environment', (test) => {
  const directory = temporaryDirectory(test);
  const bin = join(directory, 'bin');
  mkdirSync(bin);
  mkdirSync(join(directory, 'release-1'));
  symlinkSync('release-1', join(directory, 'current'));
  symlinkSync(process.execPath, join(bin, 'node'));
  writeFileSync(join(directory, '.env'), 'FROM_FILE=1\n');
  const environment = { PATH: bin, PWD: join(directory, 'current'), COLOR: 'red', WATCHDOG_PID: '1' };
  const options = ['--no-warnings', `--env-file=${join(directory, '.env')}`];
  const { launch, left } = run(directory, 'node', options, environment);
  assert.deepEqual(launch.command, {
    file: 'node',
    arguments: [...options, join(directory, 'program.mjs'), 'run', 'app.js'],
    directory: join(directory, 'current'),
    environment: { PATH: bin, PWD: join(directory, 'current'), COLOR: 'red' },
  });
  assert.equal(left.FROM_FILE, '1');
  assert.equal(left.WATCHDOG_PID, undefined);
  const moved = run(directory, 'node', [], { PATH: bin, PWD: '/' });
  assert.equal(moved.launch.command?.directory, join(directory, 'release-1'));
});

it('R22: what an old master writes is read once; anything else in its place is refused', (test) => {
  const directory = temporaryDirectory(test);
  mkdirSync(join(directory, 'current'));
  const succession = { fd: 3, address: '127.0.0.1:80', ownsFile: false, isLameDuck: true };
  const good = run(directory, process.execPath, [], { LAMEDUCK_UPGRADE: JSON.stringify(succession) });
  assert.deepEqual(good.launch.succession, succession);
  assert.deepEqual(good.launch.socket, { fd: 3 });
  assert.equal(good.left.LAMEDUCK_UPGRADE, undefined);
  for (const text of ['yes', 'null', '{}', '{"fd":1}']) {
    const { code, message } = run(directory, process.execPath, [], { LAMEDUCK_UPGRADE: text });
    assert.equal(code, 'config');
    assert.match(message ?? '', /^Cannot use the environment variable "LAMEDUCK_UPGRADE": /);
  }
  rmSync(join(directory, 'current'), { recursive: true });
});
