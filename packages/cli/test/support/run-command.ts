import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';

const launcher = join(import.meta.dirname, '..', '..', 'bin', 'lameduck.cjs');
const waitMs = 20_000;

/** What a command that has ended left behind. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly files?: Readonly<Record<string, string>>;
  readonly environment?: Readonly<Record<string, string>>;
}

/** A folder of one test with some files, in which `lameduck` is run; whatever runs at the end is reaped. */
export class CommandFolder {
  readonly path: string;
  readonly #test: TestContext;

  constructor(test: TestContext, files: Readonly<Record<string, string>> = {}) {
    this.path = mkdtempSync(join(tmpdir(), 'lameduck-cli-'));
    this.#test = test;
    for (const [name, text] of Object.entries(files)) this.write(name, text);
    test.after(() => rmSync(this.path, { recursive: true, force: true }));
  }

  write(name: string, text: string): void {
    mkdirSync(dirname(join(this.path, name)), { recursive: true });
    writeFileSync(join(this.path, name), text);
  }

  read(name: string): string {
    return readFileSync(join(this.path, name), 'utf8');
  }

  start(args: readonly string[], environment: Readonly<Record<string, string>> = {}): RunningCommand {
    return new RunningCommand(this.#test, this.path, args, environment);
  }

  startIn(
    directory: string,
    args: readonly string[],
    environment: Readonly<Record<string, string>> = {},
  ): RunningCommand {
    return new RunningCommand(this.#test, directory, args, environment);
  }

  /** Runs a command to its end. */
  async run(args: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<Ended> {
    return this.start(args, environment).ended;
  }
}

/** One process of `lameduck`. */
export class RunningCommand {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  stdout = '';
  stderr = '';
  readonly #watchers = new Set<() => void>();

  constructor(
    test: TestContext,
    directory: string,
    args: readonly string[],
    environment: Readonly<Record<string, string>>,
  ) {
    this.child = spawn(process.execPath, [launcher, ...args], {
      cwd: directory,
      env: { PATH: process.env.PATH, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => this.#heard('stdout', text));
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => this.#heard('stderr', text));
    this.ended = new Promise((resolve) => {
      this.child.once('close', (code) => resolve({ code, stdout: this.stdout, stderr: this.stderr }));
    });
    test.after(async () => {
      // Its workers leave when it is gone.
      if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill('SIGKILL');
      await this.ended;
    });
  }

  /** Where it serves, once it is ready. */
  async ready(): Promise<string> {
    await this.until(() => /^ready /m.test(this.stdout), 'ready');
    return /^ready (\S+)$/m.exec(this.stdout)?.[1] ?? '';
  }

  /** Resolves when something that shows in its output holds. */
  until(holds: () => boolean, what: string): Promise<void> {
    if (holds()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const watcher = (): void => {
        if (!holds()) return;
        clearTimeout(timer);
        this.#watchers.delete(watcher);
        resolve();
      };
      const timer = setTimeout(
        () => reject(new Error(`not within ${waitMs} ms: ${what}\n${this.stdout}\n${this.stderr}`)),
        waitMs,
      );
      this.#watchers.add(watcher);
      void this.ended.then(() => {
        clearTimeout(timer);
        reject(new Error(`it has ended, and never: ${what}\n${this.stdout}\n${this.stderr}`));
      });
    });
  }

  #heard(stream: 'stdout' | 'stderr', text: string): void {
    this[stream] += text;
    for (const watcher of [...this.#watchers]) watcher();
  }
}
