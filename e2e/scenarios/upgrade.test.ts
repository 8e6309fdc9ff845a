import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import type { MasterStatus } from '@lameduck/core';
import type { LedgerResult } from '@lameduck/ledger';
import { assertNothingLost } from '../support/assertions.ts';
import { copyPackage } from '../support/package-copy.ts';
import { makeRunFolder, runLameduck } from '../support/run-service.ts';
import { projectRoot } from '../support/service-config.ts';
import { underLoadOnMaster } from '../support/under-load.ts';
import { until } from '../support/until.ts';

/** A release: its own entry, which names the release in an answer of its own. */
function writeRelease(folder: string, name: string, code: string): void {
  mkdirSync(join(folder, name), { recursive: true });
  writeFileSync(join(folder, name, 'app.mjs'), code);
}

const goodRelease = (name: string): string => `
import { readFileSync } from 'node:fs';
import app from ${JSON.stringify(join(projectRoot, 'examples', 'plain', 'app.ts'))};
const script = readFileSync('/proc/self/cmdline', 'utf8').split('\\0').find((word) => word.endsWith('/main.js'));
const about = { release: '${name}', color: process.env.COLOR, node: process.execPath, script };
export default (request, response) =>
  request.url === '/about' ? response.end(JSON.stringify(about)) : app(request, response);
`;

function isRunning(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

describe('lameduck ctl upgrade', () => {
  const folder = makeRunFolder();
  const ledgerDir = join(folder, 'ledger');
  const bin = join(folder, 'bin');
  const control = ['--control', 'master.sock'];
  const pidfile = join(folder, 'master.pid');
  let master: ChildProcess;
  let url = '';

  /** Puts something else behind a name, as a deployment or a package manager does. */
  const relink = (name: string, target: string): void => {
    rmSync(join(folder, name), { force: true });
    symlinkSync(target, join(folder, name));
  };
  const deploy = (name: string): void => relink('current', name);
  const masterPid = (): number => Number(readFileSync(pidfile, 'utf8'));

  before(async () => {
    mkdirSync(ledgerDir);
    mkdirSync(bin);
    for (const name of ['one', 'two']) {
      mkdirSync(join(folder, `node-${name}`));
      copyFileSync(process.execPath, join(folder, `node-${name}`, 'node'));
      copyPackage(join(folder, `package-${name}`));
    }
    // As `node` in PATH and a package that is installed for all.
    relink(join('bin', 'node'), join(folder, 'node-one', 'node'));
    relink('package', 'package-one');
    const launcher = join(folder, 'package', 'node_modules', 'lameduck', 'bin', 'lameduck.cjs');
    for (const name of ['one', 'two', 'three']) writeRelease(folder, name, goodRelease(name));
    writeRelease(folder, 'broken', `throw new Error('the new release is broken');`);
    deploy('one');
    master = spawn(
      'node',
      [launcher, 'run', 'current/app.mjs', '-w', '2', '-b', '127.0.0.1:0', '-p', 'master.pid', ...control],
      {
        cwd: folder,
        env: {
          ...process.env,
          PATH: `${bin}:${process.env.PATH}`,
          LEDGER_DIR: ledgerDir,
          NODE_NAME: 'alone',
        },
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
    const pid = masterPid();
    process.kill(pid, 'SIGTERM');
    await until('the last master is gone', () => !isRunning(pid));
    assert.throws(() => readFileSync(pidfile), 'the pid file must be gone');
    rmSync(folder, { recursive: true, force: true });
  });

  /** On a connection of its own: one that is kept may be one with a worker that leaves. */
  const get = (path: string): Promise<Response> =>
    fetch(`${url}${path}`, { headers: { connection: 'close' } });
  const about = async (): Promise<Record<string, string>> =>
    (await (await get('/about')).json()) as Record<string, string>;

  const underOwnLoad = (work: () => Promise<void>): Promise<LedgerResult> =>
    underLoadOnMaster(url, ledgerDir, work);

  it('R22: new release, package, Node binary and environment under load: nothing lost, nothing twice', async () => {
    const result = await underOwnLoad(async () => {
      for (const [release, color, version] of [
        ['two', 'blue', 'two'],
        ['three', 'green', 'one'],
      ] as const) {
        const old = masterPid();
        deploy(release);
        relink(join('bin', 'node'), join(folder, `node-${version}`, 'node'));
        relink('package', `package-${version}`);
        const variable = ['--env', `COLOR=${color}`];
        const { code, json } = await runLameduck(folder, 'ctl', 'upgrade', '--json', ...variable, ...control);
        assert.equal(code, 0, JSON.stringify(json));
        assert.equal((json as { pid: number }).pid, masterPid());
        assert.notEqual(masterPid(), old);
        const answer = await about();
        assert.deepEqual([answer.release, answer.color], [release, color]);
        const node = join(realpathSync(folder), `node-${version}`, 'node');
        assert.deepEqual([answer.node, readlinkSync(`/proc/${masterPid()}/exe`)], [node, node]);
        const installed = join(realpathSync(folder), `package-${version}`);
        assert.equal(answer.script, join(installed, 'node_modules/@lameduck/worker/dist/main.js'));
        await until('the old master is gone', () => !isRunning(old));
      }
    });
    assertNothingLost(result, 300);
  });

  it('R22: a release that cannot start ends the command with code 1 and the reason, and loses nothing', async () => {
    const old = masterPid();
    deploy('broken');
    const result = await underOwnLoad(async () => {
      const { code, stderr } = await runLameduck(folder, 'ctl', 'upgrade', ...control);
      assert.equal(code, 1);
      assert.match(stderr, /^lameduck: Cannot upgrade ".*": .*the new release is broken/m);
    });
    assertNothingLost(result, 300);
    assert.equal(masterPid(), old);
    assert.equal((await about()).release, 'three');
    deploy('three');
  });

  it('drain fails readiness and nothing else, ready ends it, workers shows the processes', async () => {
    const readiness = async (): Promise<number> => (await get('/-/ready')).status;
    assert.equal((await runLameduck(folder, 'ctl', 'drain', ...control)).code, 0);
    await until('readiness fails', async () => (await readiness()) === 503);
    assert.equal((await get('/about')).status, 200);
    const status = (await runLameduck(folder, 'ctl', 'status', '--json', ...control)).json as MasterStatus;
    assert.equal(status.isLameDuck, true);
    assert.equal((await runLameduck(folder, 'ctl', 'ready', ...control)).code, 0);
    await until('readiness is back', async () => (await readiness()) === 200);
    const { json } = await runLameduck(folder, 'ctl', 'workers', '--json', ...control);
    assert.equal((json as Pick<MasterStatus, 'workers'>).workers.length, 2);
  });

  it('a variable without a value is a usage error', async () => {
    const { code } = await runLameduck(folder, 'ctl', 'upgrade', '--env', 'COLOR', ...control);
    assert.equal(code, 2);
  });
});
