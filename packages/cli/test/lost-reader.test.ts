import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import type { MasterStatus } from '@lameduck/core';
import { CommandFolder } from './support/run-command.ts';

const launcher = join(import.meta.dirname, '..', 'bin', 'lameduck.cjs');
const lameduck = `"${process.execPath}" "${launcher}"`;

/** Writes on both streams for each request, and can die. */
const app = `export default (request, response) => {
  console.log('asked', request.url);
  process.stdout.write('written\\n');
  process.stderr.write('written\\n');
  if (request.url === '/die') process.exit(7);
  response.end(String(process.pid));
};`;

/** A master behind a shell's pipe, reached by its sockets: nothing that it says can be read. */
class UnreadMaster {
  readonly #folder: CommandFolder;
  readonly #shell: ChildProcess;

  constructor(test: TestContext, pipe: (run: string) => string, options = '') {
    this.#folder = new CommandFolder(test, { 'app.mjs': app });
    const run = `${lameduck} run app.mjs -w 2 -b unix:${this.#folder.path}/app.sock --control control.sock --linger 100ms ${options}`;
    this.#shell = spawn('/bin/bash', ['-c', pipe(`{ ${run}; echo $? >code; }`)], {
      cwd: this.#folder.path,
      stdio: 'ignore',
      detached: true,
    });
    test.after(() => this.#reap());
  }

  get(path: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const sent = request(
        { socketPath: join(this.#folder.path, 'app.sock'), path, agent: false },
        (answer) => {
          let text = '';
          answer.setEncoding('utf8').on('data', (chunk: string) => {
            text += chunk;
          });
          answer.on('end', () => resolve(text));
        },
      );
      sent.setTimeout(5000, () => sent.destroy(new Error('no answer')));
      sent.once('error', reject).end();
    });
  }

  /** Until it serves. */
  async served(): Promise<void> {
    await until('it serves', () => this.get('/').catch(() => ''));
  }

  async ctl(...words: readonly string[]): Promise<string> {
    const args = [launcher, 'ctl', ...words, '--control', 'control.sock'];
    return new Promise((resolve, reject) => {
      execFile(process.execPath, args, { cwd: this.#folder.path, timeout: 20_000 }, (error, output) =>
        error === null ? resolve(output) : reject(error),
      );
    });
  }

  async status(): Promise<MasterStatus> {
    return JSON.parse(await this.ctl('status', '--json')) as MasterStatus;
  }

  /** The exit code of the first master. */
  async code(): Promise<number> {
    const path = join(this.#folder.path, 'code');
    await until('it has ended', async () => existsSync(path) && this.#folder.read('code').endsWith('\n'));
    return Number(this.#folder.read('code'));
  }

  async #reap(): Promise<void> {
    const { pid } = await this.status().catch(() => ({ pid: 0 }));
    if (pid > 0) process.kill(pid, 'SIGKILL');
    try {
      process.kill(-(this.#shell.pid ?? 0), 'SIGKILL');
    } catch {
      // All of it has ended.
    }
  }
}

async function until(what: string, holds: () => Promise<unknown>): Promise<void> {
  const deadline = performance.now() + 20_000;
  for (let held = await holds(); held === false || held === ''; held = await holds()) {
    if (performance.now() > deadline) throw new Error(`not within 20 s: ${what}`);
    await wait(20);
  }
}

describe('lameduck run: a reader of its output that has gone', () => {
  for (const [what, pipe] of [
    ['both streams, before it is ready', (run: string) => `${run} 2>&1 | head -3`],
    ['standard output', (run: string) => `${run} 2>/dev/null | true`],
    ['standard error', (run: string) => `${run} 2>&1 >/dev/null | true`],
  ] as const)
    it(`${what}: it serves, replaces workers, is replaced itself, and stops with 0`, async (test) => {
      const master = new UnreadMaster(test, pipe, '--access-log -');
      await master.served();
      const first = await master.status();
      for (let n = 0; n < 20; n += 1) assert.match(await master.get(`/${n}`), /^\d+$/);
      await assert.rejects(master.get('/die'));
      await until('the dead one is replaced', async () => (await master.status()).state === 'ready');
      assert.equal((await master.status()).crashes, 1, 'no worker but the one that was told to die');
      await master.ctl('reload');
      assert.match(await master.ctl('upgrade'), /upgraded/);
      assert.equal(await master.code(), 0, 'the old master');
      const second = await master.status();
      assert.notEqual(second.pid, first.pid);
      assert.match(await master.get('/after'), /^\d+$/);
      await master.ctl('stop');
      await until('the new one is gone', async () => !isRunning(second.pid));
    });

  it('one that is there and does not read holds neither requests nor the end up', async (test) => {
    // The pipe is full before the first line.
    const fill = (run: string): string =>
      `{ head -c 65536 /dev/zero >&2; ${run}; } 2>&1 >/dev/null | sleep 60`;
    const master = new UnreadMaster(test, fill);
    await master.served();
    for (let n = 0; n < 20; n += 1) assert.match(await master.get(`/${n}`), /^\d+$/);
    const startedAt = performance.now();
    await master.ctl('stop');
    assert.equal(await master.code(), 0);
    assert.ok(performance.now() - startedAt < 10_000);
  });

  it('a log file and an access log on a full disk hold neither requests nor the end up', async (test) => {
    const full = '--log-file /dev/full --access-log /dev/full';
    const master = new UnreadMaster(test, (run) => run, full);
    await master.served();
    for (let n = 0; n < 20; n += 1) assert.match(await master.get(`/${n}`), /^\d+$/);
    await master.ctl('reload');
    assert.equal((await master.status()).crashes, 0);
    await master.ctl('stop');
    assert.equal(await master.code(), 0);
  });
});

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('other commands: output that nobody takes', () => {
  const told = 'lameduck: Cannot write to standard output: ENOSPC\n';
  for (const [command, redirection, codes, stderr] of [
    ['run app.mjs --print-config', '| true', '0', ''],
    ['run app.mjs --print-config', '| head -1 >/dev/null', '0', ''],
    ['run app.mjs --print-config', '>/dev/full', '1', told],
    ['--help', '| true', '0', ''],
    ['--help', '>/dev/full', '1', told],
    ['completion bash', '| head -1 >/dev/null', '0', ''],
    // The exit code is the one of the command, whoever reads.
    ['status --json -c missing.yaml', '| true', '78', ''],
    ['status --json -c missing.yaml', '>/dev/full', '78', told],
    ['status -c missing.yaml', '2>/dev/full', '78', ''],
  ] as const)
    it(`${command} ${redirection}: exit code ${codes}`, async (test) => {
      const { path } = new CommandFolder(test, { 'app.mjs': app });
      const script = `${lameduck} ${command} ${redirection}; exit "\${PIPESTATUS[0]}"`;
      const ended = await new Promise((resolve) => {
        execFile('/bin/bash', ['-c', script], { cwd: path, timeout: 20_000 }, (error, _output, errors) =>
          resolve([String(error?.code ?? 0), errors]),
        );
      });
      assert.deepEqual(ended, [codes, stderr]);
    });
});
