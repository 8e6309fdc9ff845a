import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { newerTool } from '../../packages/controller/test/support/newer-tool.ts';
import { projectRoot } from '../support/service-config.ts';

const parts = 'say tools apt-private private-tools prometheus browser shells debian-tools newer-tools'.split(
  ' ',
);

/** A python3 whose pip is not there, or fails. */
const pythons = {
  none: 'echo "No module named pip" >&2; exit 1',
  offline: '[[ $3 == --version ]] && exit 0; echo "ERROR: No matching distribution found" >&2; exit 1',
} as const;

class Checkout {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'lameduck-setup-'));

  constructor(test: TestContext) {
    cpSync(join(projectRoot, 'scripts'), join(this.folder, 'scripts'), { recursive: true });
    mkdirSync(join(this.folder, '.cache'));
    mkdirSync(join(this.folder, 'bin'));
    test.after(() => rmSync(this.folder, { recursive: true, force: true }));
  }

  /** One function of the set-up, with this Python and no apt. */
  run(name: string, python: keyof typeof pythons): { readonly isOk: boolean; readonly text: string } {
    this.write('bin/python3', `#!/bin/bash\n${pythons[python]}\n`);
    const sources = parts.map((part) => `source scripts/setup/${part}.sh`);
    // neither Debian's own pip nor apt is to help
    const absent = ['DEBIAN_BIN=$PWD/bin', 'as_root_apt() { false; }', 'unpack_pip() { false; }'];
    const script = ['set -euo pipefail', ...sources, ...absent, name].join('\n');
    const env = { PATH: `${this.folder}/bin:${process.env['PATH']}`, HOME: this.folder };
    const { status, stdout, stderr } = spawnSync('bash', ['-c', script], {
      cwd: this.folder,
      env,
      encoding: 'utf8',
    });
    return { isOk: status === 0, text: stdout + stderr };
  }

  write(name: string, text: string): void {
    mkdirSync(join(this.folder, name, '..'), { recursive: true });
    writeFileSync(join(this.folder, name), text);
    chmodSync(join(this.folder, name), 0o755);
  }

  /** Puts there what the newer tools look like. */
  provide(): void {
    this.write('.cache/newer-nginx/nginx', '');
    this.write('.cache/newer-gunicorn/bin/gunicorn', '#!/bin/sh\n');
    this.write(
      '.cache/newer-gunicorn/wanted.txt',
      readFileSync(join(this.folder, 'scripts/newer-gunicorn.txt'), 'utf8'),
    );
  }

  why(tool: 'nginx' | 'gunicorn'): string {
    return newerTool(tool, join(this.folder, '.cache')).why;
  }
}

describe('the set-up of the newer tools', () => {
  it('is due while one of them is missing, and also where one was removed later', (test) => {
    const checkout = new Checkout(test);
    assert.ok(checkout.run('newer_tools_are_due', 'none').isOk);
    checkout.provide();
    assert.ok(!checkout.run('newer_tools_are_due', 'none').isOk);
    rmSync(join(checkout.folder, '.cache/newer-nginx'), { recursive: true });
    assert.ok(checkout.run('newer_tools_are_due', 'none').isOk);
    checkout.provide();
    checkout.write('.cache/newer-gunicorn/wanted.txt', 'gunicorn==1\n');
    assert.ok(checkout.run('newer_tools_are_due', 'none').isOk);
  });

  for (const [python, reason] of [
    ['none', /there is no pip for python3 \(Debian: python3-pip\)/],
    ['offline', /ERROR: No matching distribution found/],
  ] as const) {
    it(`notes why it got none (${python}), which skipped tests tell, and asks again a day later`, (test) => {
      const checkout = new Checkout(test);
      const { isOk, text } = checkout.run('setup_newer_tools', python);
      assert.ok(isOk, text);
      assert.match(text, reason);
      for (const tool of ['nginx', 'gunicorn'] as const) {
        assert.match(
          checkout.why(tool),
          new RegExp(`^no ${tool} at .*: the set-up could not get one: .*${reason.source}`),
        );
        assert.ok(!existsSync(join(checkout.folder, `.cache/newer-${tool}`)));
      }
      assert.ok(!checkout.run('newer_tools_are_due', python).isOk);
      const longAgo = Date.now() / 1000 - 2 * 86_400;
      utimesSync(join(checkout.folder, '.cache/newer-nginx.missing'), longAgo, longAgo);
      assert.ok(checkout.run('newer_tools_are_due', python).isOk);
    });
  }
});
