import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import type { MasterStatus } from '@lameduck/core';
import type { LedgerResult } from '@lameduck/ledger';
import { assertNothingLost } from '../support/assertions.ts';
import { makeRunFolder, runLameduck } from '../support/run-service.ts';
import { projectRoot } from '../support/service-config.ts';
import { underLoadOnMaster } from '../support/under-load.ts';

const launcher = join(projectRoot, 'packages', 'cli', 'bin', 'lameduck.cjs');
const good = `export { default } from ${JSON.stringify(join(projectRoot, 'examples', 'shop', 'app.ts'))};\n`;

describe('lameduck run, alone', () => {
  const folder = makeRunFolder();
  const ledgerDir = join(folder, 'ledger');
  const entry = join(folder, 'app.mjs');
  const control = ['--control', 'master.sock'];
  let master: ChildProcess;
  let url = '';

  before(async () => {
    mkdirSync(ledgerDir);
    writeFileSync(entry, good);
    master = spawn(
      process.execPath,
      [launcher, 'run', entry, '-w', '2', '-b', '127.0.0.1:0', '-p', 'master.pid', ...control],
      {
        cwd: folder,
        env: { ...process.env, LEDGER_DIR: ledgerDir, NODE_NAME: 'alone' },
        stdio: ['ignore', 'pipe', 'ignore'],
      },
    );
    const stdout = master.stdout;
    assert.ok(stdout);
    const [line] = (await once(createInterface({ input: stdout }), 'line')) as [string];
    url = /^ready (http:\S+)$/.exec(line)?.[1] ?? '';
    assert.notEqual(url, '', line);
  });
  after(async () => {
    const exited = once(master, 'exit');
    master.kill('SIGTERM');
    assert.deepEqual(await exited, [0, null]);
    assert.throws(() => readFileSync(join(folder, 'master.pid')), 'the pid file must be gone');
    rmSync(folder, { recursive: true, force: true });
  });

  async function status(): Promise<MasterStatus> {
    return (await runLameduck(folder, 'ctl', 'status', '--json', ...control)).json as MasterStatus;
  }

  const underOwnLoad = (work: () => Promise<void>): Promise<LedgerResult> =>
    underLoadOnMaster(url, ledgerDir, work);

  it('writes its pid file and tells its workers', async () => {
    assert.equal(Number(readFileSync(join(folder, 'master.pid'), 'utf8')), master.pid);
    const now = await status();
    assert.deepEqual([now.state, now.generation, now.workers.length], ['ready', 1, 2]);
  });

  it('reloads under load without losing a request', async () => {
    const ledger = await underOwnLoad(async () => {
      for (let turn = 0; turn < 3; turn += 1) {
        const result = await runLameduck(folder, 'ctl', 'reload', ...control);
        assert.equal(result.code, 0, result.stderr);
      }
    });
    assertNothingLost(ledger, 300);
    assert.equal((await status()).generation, 4);
  });

  it('R4: new code that throws at boot fails the reload command with its error; the old workers serve on', async () => {
    const before = await status();
    writeFileSync(entry, "throw new Error('no database today');\n");
    const ledger = await underOwnLoad(async () => {
      const result = await runLameduck(folder, 'ctl', 'reload', ...control);
      assert.equal(result.code, 1);
      assert.match(result.stderr, /no database today/);
    });
    writeFileSync(entry, good);
    assertNothingLost(ledger, 50);
    const pids = (workers: MasterStatus['workers']): number[] => workers.map(({ pid }) => pid);
    assert.deepEqual(pids((await status()).workers), pids(before.workers));
  });

  it('scales', async () => {
    assert.equal((await runLameduck(folder, 'ctl', 'scale', '3', ...control)).code, 0);
    for (let turn = 0; turn < 200 && (await status()).workers.length < 3; turn += 1);
    assert.equal((await status()).workers.length, 3);
    assert.equal((await runLameduck(folder, 'ctl', 'scale', 'many', ...control)).code, 2);
  });

  it('says what is wrong with an entry, exit code 3', async () => {
    const missing = await runLameduck(folder, 'run', 'nowhere.mjs', '-b', '127.0.0.1:0');
    assert.equal(missing.code, 3, missing.stderr);
    assert.match(missing.stderr, /lameduck: Cannot .*nowhere\.mjs/);
    writeFileSync(join(folder, 'empty.mjs'), 'export const unrelated = 1;\n');
    const empty = await runLameduck(folder, 'run', 'empty.mjs', '-b', '127.0.0.1:0');
    assert.equal(empty.code, 3, empty.stderr);
    assert.match(empty.stderr, /empty\.mjs/);
  });

  it('says who holds its port, exit code 1', async () => {
    const result = await runLameduck(folder, 'run', 'app.mjs', '-b', new URL(url).host);
    assert.equal(result.code, 1, result.stderr);
    assert.match(result.stderr, new RegExp(`${new URL(url).port}.*${master.pid}`));
  });
});
