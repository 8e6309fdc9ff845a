import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { check, handler } from './support/init-results.ts';
import { CommandFolder } from './support/run-command.ts';

describe('lameduck init', { concurrency: 3 }, () => {
  it('alone writes a small example for the application that is there, which check accepts', async (test) => {
    const folder = new CommandFolder(test, { 'server.mjs': handler });
    const { code, stderr, stdout } = await folder.run(['init']);
    assert.equal(code, 0, stderr);
    assert.equal(stdout, '');
    assert.match(stderr, /next:\n {2}1\. lameduck check\n {2}2\. lameduck up/);
    assert.match(folder.read('lameduck.yaml'), /entry: \.\/server\.mjs.*\n.*\n.*# |# /);
    await check(folder);
  });

  it('never replaces a file without --force, and writes none with -o -', async (test) => {
    const folder = new CommandFolder(test, { 'lameduck.yaml': 'mine\n' });
    const refused = await folder.run(['init']);
    assert.equal(refused.code, 2);
    assert.match(
      refused.stderr,
      /Cannot write ".*lameduck\.yaml": a file that is not there is wanted, or --force/,
    );
    const shown = await folder.run(['init', '-o', '-']);
    assert.equal(shown.code, 0);
    assert.match(shown.stdout, /^# Written by lameduck init/);
    assert.equal(folder.read('lameduck.yaml'), 'mine\n');
    assert.equal((await folder.run(['init', '--force'])).code, 0);
    assert.equal(folder.read('lameduck.yaml').trim(), shown.stdout.trim());
  });

  it('gives one JSON document with --json, and usage errors for options that do not go together', async (test) => {
    const folder = new CommandFolder(test);
    const { stdout } = await folder.run(['init', '--json']);
    const { file, text, next } = JSON.parse(stdout) as { file: string; text: string; next: string[] };
    assert.equal(file, join(folder.path, 'lameduck.yaml'));
    assert.equal(text, folder.read('lameduck.yaml'));
    assert.deepEqual(next.slice(-2), ['lameduck check', 'lameduck up']);
    for (const words of [
      ['--pm2', 'a', '--gunicorn', 'b'],
      ['--upstream', 'x'],
      ['--app', 'x'],
      ['-o', '-', '--json'],
      ['more'],
    ]) {
      assert.equal((await folder.run(['init', ...words])).code, 2, words.join(' '));
    }
  });
});
