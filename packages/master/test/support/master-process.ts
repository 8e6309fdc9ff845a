import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Address, ErrorCode, MasterStatus } from '@lameduck/core';
import type { MasterOptions } from '../../src/index.ts';
import { ask } from './requests.ts';

export type LogLine = Readonly<Record<string, unknown>> & { readonly msg: string; readonly time: number };
export interface Outcome {
  readonly address?: Address;
  readonly error?: { readonly code: ErrorCode; readonly message: string; readonly details: { pid?: number } };
}
export interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
}
export interface ControlAnswer {
  readonly status: number;
  readonly body: MasterStatus & { readonly error?: { readonly code: string; readonly message: string } };
}

/**
 * Reads a request whole, and writes the number of a `Load` to the ledger in the working directory: with the word `bad` where
 * its body is not what was sent. What runs twice stands there twice.
 */
export const ledgerCode = `
import { appendFileSync } from 'node:fs';
async function enter(request) {
  const query = new URL(request.url, 'http://x').searchParams;
  let body = '';
  for await (const chunk of request) body += chunk;
  if (!query.has('n')) return;
  const [n, bytes] = [query.get('n'), Number(query.get('bytes'))];
  const wanted = (n + ',').repeat(Math.ceil(bytes / (n.length + 1))).slice(0, bytes);
  appendFileSync('ledger', n + (body === wanted ? '' : ' bad') + '\\n');
}
`;

/** An application with the faults that the tests need. */
export const application = `
${ledgerCode}
import { writeFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
export default async (request, response) => {
  const url = new URL(request.url, 'http://x');
  if (url.pathname === '/block') { writeFileSync('blocked', ''); for (;;); }
  if (url.pathname === '/crash') process.exit(1);
  if (url.pathname === '/slow') await wait(Number(url.searchParams.get('ms')));
  await enter(request);
  response.end(JSON.stringify({ pid: process.pid, path: url.pathname + url.search }));
};
`;
export const applicationThatThrows = `throw new Error('the new code is broken');`;
export const applicationThatNeverStarts = `export const startup = () => new Promise((r) => setTimeout(r, 1e8));\n${application}`;

const script = fileURLToPath(new URL('../fixtures/master-process.ts', import.meta.url));
const workerScript = fileURLToPath(import.meta.resolve('@lameduck/worker/main'));
const waitMs = 20_000;

export function isRunning(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

export function temporaryDirectory(test: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'lameduck-master-'));
  test.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Polls what no event tells (another process's end); fails after a deadline. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  ms = waitMs,
): Promise<void> {
  const deadline = performance.now() + ms;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`not within ${ms} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** One master process of a test, with its log, its control socket and an end that is always reaped. */
export class MasterProcess {
  readonly directory: string;
  readonly entry: string;
  readonly controlPath: string;
  readonly child: ChildProcess;
  readonly log: LogLine[] = [];
  readonly outcome: Promise<Outcome>;
  readonly ended: Promise<Exit>;
  readonly #watchers = new Set<(line: LogLine) => void>();

  constructor(test: TestContext, options: Partial<MasterOptions> = {}, code: string = application) {
    this.directory = temporaryDirectory(test);
    this.entry = join(this.directory, 'app.mjs');
    this.controlPath = join(this.directory, 'control.sock');
    this.deploy(code);
    const all: Omit<MasterOptions, 'logger'> = {
      entry: this.entry,
      workers: 2,
      address: { kind: 'tcp', host: '127.0.0.1', port: 0 },
      workerScript,
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
      directory: this.directory,
      ...options,
    };
    this.child = spawn(process.execPath, [script, JSON.stringify(all)], {
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
      // Its own group, so that a test can signal the whole of it.
      detached: true,
    });
    this.outcome = new Promise((resolve) => {
      this.child.once('message', (message) => resolve(message as Outcome));
      this.child.once('exit', () => resolve({}));
    });
    this.ended = new Promise((resolve) => {
      this.child.once('exit', (exitCode, signal) => resolve({ code: exitCode, signal }));
    });
    this.#readLog();
    test.after(() => this.reap());
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** Every process that the log names. */
  get workerPids(): readonly number[] {
    return this.log.flatMap((line) => (line.msg === 'worker spawned' ? [Number(line.pid)] : []));
  }

  /** The master and its successors, as they start. */
  get masterPids(): readonly number[] {
    return this.log.flatMap((line) => (line.msg === 'master started' ? [Number(line.pid)] : []));
  }

  deploy(code: string): void {
    writeFileSync(this.entry, code);
  }

  signal(signal: NodeJS.Signals): void {
    process.kill(this.pid, signal);
  }

  signalGroup(signal: NodeJS.Signals): void {
    process.kill(-this.pid, signal);
  }

  async ready(): Promise<number> {
    const { address, error } = await this.outcome;
    if (address === undefined) throw new Error(`master did not start: ${error?.message}`);
    return address.kind === 'tcp' ? address.port : 0;
  }

  /** The first log line, of the past or to come, from `since` on. */
  waitLog(matches: (line: LogLine) => boolean, since = 0): Promise<LogLine> {
    const found = this.log.slice(since).find(matches);
    if (found !== undefined) return Promise.resolve(found);
    return new Promise((resolve, reject) => {
      const watcher = (line: LogLine): void => {
        if (!matches(line)) return;
        clearTimeout(timer);
        this.#watchers.delete(watcher);
        resolve(line);
      };
      const timer = setTimeout(() => reject(new Error(`no such log line: ${matches}`)), waitMs);
      this.#watchers.add(watcher);
    });
  }

  control(method: string, path: string, body?: unknown): Promise<ControlAnswer> {
    const text = typeof body === 'string' ? body : body === undefined ? '' : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const sent = request({ socketPath: this.controlPath, method, path, agent: false }, (response) => {
        let answer = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          answer += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: JSON.parse(answer) }));
      });
      sent.once('error', reject);
      sent.setTimeout(waitMs, () => sent.destroy(new Error('the control socket did not answer')));
      sent.end(text);
    });
  }

  /** Blocks the event loop of one worker for ever; resolves when it has begun. */
  async block(port: number): Promise<void> {
    ask(port, '/block').catch(() => undefined);
    await until('a worker is blocked', () => existsSync(join(this.directory, 'blocked')));
  }

  async status(): Promise<MasterStatus> {
    return (await this.control('GET', '/status')).body;
  }

  async reap(): Promise<void> {
    for (const pid of [this.pid, ...this.masterPids, ...this.workerPids])
      if (isRunning(pid)) process.kill(pid, 'SIGKILL');
    await this.ended;
    await until('all is gone', () => ![...this.masterPids, ...this.workerPids].some(isRunning));
    if (existsSync(this.directory)) rmSync(this.directory, { recursive: true, force: true });
  }

  #readLog(): void {
    if (this.child.stdout === null) return;
    createInterface({ input: this.child.stdout }).on('line', (text) => {
      if (!text.startsWith('{')) return;
      const line = JSON.parse(text) as LogLine;
      this.log.push(line);
      for (const watcher of [...this.#watchers]) watcher(line);
    });
  }
}
