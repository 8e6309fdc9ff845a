import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { describeProgram } from '../../src/completion/describe-program.ts';
import { manPage } from '../../src/completion/man-page.ts';
import { completionScript } from '../../src/completion/scripts.ts';
import { createProgram, exitCodeHelp } from '../../src/program.ts';
import { version } from '../../src/version.ts';

const launcher = join(import.meta.dirname, '..', '..', 'bin', 'lameduck.cjs');

describe('completion', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lameduck-completion-'));
  before(() => {
    symlinkSync(launcher, join(folder, 'lameduck'));
    writeFileSync(
      join(folder, 'lameduck.yaml'),
      `service: shop
edges: [{ name: e, listen: 127.0.0.1:8080 }]
nodes:
  - { name: alpha, address: 127.0.0.1:8001, process: { start: x } }
  - { name: beta, address: 127.0.0.1:8002, process: { start: x } }
`,
    );
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const environment = {
    ...process.env,
    PATH: `${folder}:${join(process.execPath, '..')}:${process.env['PATH']}`,
  };

  function complete(...words: string[]): readonly string[] {
    const script = `source <(lameduck completion bash)
COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _lameduck
printf '%s\\n' "\${COMPREPLY[@]}"`;
    const output = execFileSync('bash', ['-c', script], { cwd: folder, env: environment, encoding: 'utf8' });
    return output.split('\n').filter((line) => line !== '');
  }

  /** What a shell offers for a line that is being typed. */
  function offered(shell: 'zsh' | 'fish', line: string): readonly string[] {
    const words = {
      zsh: ['-f', join(import.meta.dirname, '..', 'support', 'capture.zsh'), line],
      fish: ['--no-config', '-c', `lameduck completion fish | source; complete -C "${line}"`],
    }[shell];
    const options = { cwd: folder, env: environment, encoding: 'utf8', timeout: 30_000 } as const;
    return execFileSync(shell, words, options)
      .split('\n')
      .map((offer) => offer.split('\t')[0]?.trim() ?? '')
      .filter((offer) => offer !== '');
  }

  for (const shell of ['zsh', 'fish'] as const) {
    const isMissing = spawnSync(shell, ['--version']).error !== undefined;
    it(`in ${shell} knows commands, their options and the names of nodes`, {
      skip: isMissing ? `no ${shell} here: make setup brings it where it may install` : false,
      timeout: 60_000,
    }, () => {
      assert.deepEqual(offered(shell, 'lameduck ro'), ['rollout']);
      assert.deepEqual(offered(shell, 'lameduck drain '), ['alpha', 'beta']);
      assert.deepEqual(offered(shell, 'lameduck drain --force al'), ['alpha']);
      assert.deepEqual(offered(shell, 'lameduck logs --lines 5 b'), ['beta']);
      assert.ok(offered(shell, 'lameduck logs -').includes('--follow'));
      assert.ok(!offered(shell, 'lameduck drain alpha ').includes('beta'), 'one node is enough');
      assert.ok(!offered(shell, 'lameduck status ').includes('alpha'));
    });
  }

  it('in bash knows commands, their options and the names of nodes', () => {
    assert.deepEqual(complete('lameduck', 'ro'), ['rollout']);
    assert.deepEqual(complete('lameduck', 'drain', ''), ['alpha', 'beta']);
    assert.deepEqual(complete('lameduck', 'logs', 'b'), ['beta']);
    assert.ok(complete('lameduck', 'logs', '-').includes('--follow'));
    assert.ok(!complete('lameduck', 'status', '').includes('alpha'));
    assert.deepEqual(complete('lameduck', 'logs', '--lines', '5', 'b'), ['beta']);
    assert.ok(!complete('lameduck', 'drain', 'alpha', '').includes('beta'), 'one node is enough');
  });

  it('for zsh and fish names every command and is good syntax, where the shell is there', async () => {
    const commands = describeProgram(await createProgram(undefined));
    for (const shell of ['zsh', 'fish'] as const) {
      const script = completionScript(shell, commands);
      for (const { name } of commands) assert.ok(script.includes(name), `${shell} ${name}`);
      const file = join(folder, `completion.${shell}`);
      writeFileSync(file, script);
      const checked = spawnSync(shell, ['-n', file], { encoding: 'utf8' });
      if (checked.error === undefined) assert.equal(checked.status, 0, checked.stderr);
    }
  });

  it('says nothing where there is no configuration', () => {
    const asked = spawnSync(process.execPath, [launcher, 'completion', 'nodes'], {
      cwd: tmpdir(),
      encoding: 'utf8',
    });
    assert.deepEqual([asked.stdout, asked.stderr], ['', '']);
  });
});

describe('the man page', () => {
  it('is the one that is committed (write-man-page.ts writes it)', async () => {
    const file = join(import.meta.dirname, '..', '..', 'man', 'lameduck.1');
    const page = manPage(version, describeProgram(await createProgram(undefined)), exitCodeHelp);
    assert.equal(readFileSync(file, 'utf8'), page);
  });
});
