import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { MasterOptions } from '../../src/index.ts';
import { application, isRunning, until } from './master-process.ts';

interface Line extends Readonly<Record<string, unknown>> {
  readonly msg?: string;
  readonly pid?: number;
  readonly fake?: true;
  /** CLOCK_MONOTONIC, of lines of the fake. */
  readonly us?: number;
  readonly message?: string;
}

/** What a service told, with the moment it was read. */
export interface Told {
  readonly us: number;
  readonly assignments: readonly string[];
}

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Why the tests cannot run here, or `false`: for `skip`. */
export const missing: string | false =
  spawnSync('systemd-notify', ['--version']).error !== undefined
    ? 'no systemd-notify (package systemd)'
    : spawnSync('python3', ['--version']).error !== undefined
      ? 'no python3'
      : false;

/** A master started as systemd would start it, and what it told. */
export class FakeSystemd {
  readonly directory: string = mkdtempSync(join(tmpdir(), 'lameduck-systemd-'));
  readonly entry: string = join(this.directory, 'app.mjs');
  readonly pidfile: string = join(this.directory, 'master.pid');
  readonly controlPath: string = join(this.directory, 'control.sock');
  readonly lines: Line[] = [];
  readonly #child: ChildProcess;

  constructor(
    test: TestContext,
    environment: Readonly<Record<string, string>> = {},
    options: Partial<MasterOptions> = {},
  ) {
    this.deploy(application);
    const all: Omit<MasterOptions, 'logger'> = {
      entry: this.entry,
      workers: 1,
      address: { kind: 'tcp', host: '127.0.0.1', port: 0 },
      workerScript: fileURLToPath(import.meta.resolve('@lameduck/worker/main')),
      graceMs: 5000,
      killMarginMs: 1000,
      lingerMs: 300,
      keepAliveMs: 15_000,
      readyTimeoutMs: 10_000,
      bootTimeoutMs: 10_000,
      heartbeatTimeoutMs: 30_000,
      readinessPath: '/readyz',
      livenessPath: '/livez',
      controlPath: this.controlPath,
      pidfile: this.pidfile,
      directory: this.directory,
      ...options,
    };
    const command = [process.execPath, here('../fixtures/master-process.ts'), JSON.stringify(all)];
    const told = JSON.stringify({ command, environment });
    this.#child = spawn('python3', [here('../fixtures/fake-systemd.py'), told], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    if (this.#child.stdout !== null)
      createInterface({ input: this.#child.stdout }).on('line', (text) => {
        if (text.startsWith('{')) this.lines.push(JSON.parse(text) as Line);
      });
    test.after(() => this.#reap());
  }

  get told(): readonly Told[] {
    return this.lines.flatMap(({ message, us }) =>
      message === undefined ? [] : [{ us: us ?? 0, assignments: message.split('\n') }],
    );
  }

  get masterPids(): readonly number[] {
    return this.#pidsOf('master started');
  }

  deploy(code: string): void {
    writeFileSync(this.entry, code);
  }

  command(text: string): void {
    this.#child.stdin?.write(`${text}\n`);
  }

  /** The first line of the service or of the fake, of the past or to come. */
  async waitLine(what: string, matches: (line: Line) => boolean): Promise<Line> {
    await until(what, () => this.lines.some(matches));
    return this.lines.find(matches) as Line;
  }

  /** The first message with such an assignment, from the `since`th on. */
  async waitTold(assignment: string, since = 0): Promise<Told> {
    const find = (): Told | undefined =>
      this.told.slice(since).find(({ assignments }) => assignments.some((one) => one.startsWith(assignment)));
    await until(`it tells ${assignment}`, () => find() !== undefined);
    return find() as Told;
  }

  /** Resolves when the service is ready, with its port. */
  async ready(): Promise<number> {
    await this.waitTold('READY=1');
    return Number((await this.waitLine('it starts', ({ port }) => port !== undefined)).port);
  }

  #pidsOf(message: string): readonly number[] {
    return this.lines.flatMap(({ msg, pid }) => (msg === message ? [Number(pid)] : []));
  }

  async #reap(): Promise<void> {
    const started = this.lines.flatMap((line) => (line.started === undefined ? [] : [Number(line.started)]));
    const all = (): readonly number[] => [...started, ...this.masterPids, ...this.#pidsOf('worker spawned')];
    for (const pid of all()) if (isRunning(pid)) process.kill(pid, 'SIGKILL');
    await until('all is gone', () => !all().some(isRunning));
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.stdin?.end();
    if (this.#child.exitCode === null) await ended;
    rmSync(this.directory, { recursive: true, force: true });
  }
}
