import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { joinLedgers, type LedgerResult, readServerLedger } from '@lameduck/ledger';
import { stringify } from 'yaml';
import { freePorts } from './ports.ts';
import { projectRoot, type ServiceSpec, serviceConfig } from './service-config.ts';

const launcher = join(projectRoot, 'packages', 'cli', 'bin', 'lameduck.cjs');
/** All nodes of a service start at once; two cores import FastAPI three times in well under this. */
const readyTimeoutMs = 60_000;

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** stdout parsed, where it is one JSON document. */
  readonly json: unknown;
}

/** A service run by the real `lameduck up` in a folder of its own. */
export interface RunningService {
  /** Empty where every edge is attached: what it listens on is not lameduck's. */
  readonly url: string;
  readonly folder: string;
  readonly configFile: string;
  readonly ledgerDir: string;
  readonly ports: readonly number[];
  /** The `up` process. */
  readonly up: ChildProcess;
  /** Everything `up` has said on stderr so far. */
  log(): string;
  lameduck(...args: string[]): Promise<CommandResult>;
  /** The client's ledger joined with those of all nodes. */
  audit(result: LedgerResult): Promise<LedgerResult>;
  /** SIGTERM to `up`; resolves with its exit code. Removes the folder. */
  stop(): Promise<number | null>;
}

/** Starts one command of the real program in a folder. */
export function spawnLameduck(
  directory: string,
  ...args: string[]
): ChildProcessByStdio<null, Readable, Readable> {
  return spawn(process.execPath, [launcher, ...args], { cwd: directory, stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Runs one command of the real program in a folder. */
export async function runLameduck(directory: string, ...args: string[]): Promise<CommandResult> {
  const child = spawnLameduck(directory, ...args);
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  return { code: code as number, stdout, stderr, json: parseJson(stdout) };
}

function parseJson(stdout: string): unknown {
  try {
    return JSON.parse(stdout);
  } catch {
    return undefined;
  }
}

/** A folder for one run, inside the project and never in a commit. */
export function makeRunFolder(): string {
  const parent = join(projectRoot, '.cache', 'e2e');
  mkdirSync(parent, { recursive: true });
  return mkdtempSync(join(parent, 'run-'));
}

/** Starts a service and waits for its `ready` line. */
export async function runService(spec: ServiceSpec, how: StartOptions = {}): Promise<RunningService> {
  const folder = makeRunFolder();
  const ledgerDir = join(folder, 'ledger');
  mkdirSync(ledgerDir);
  const ports = await freePorts(spec.nodes.length + 1);
  const configFile = join(folder, 'lameduck.yaml');
  writeFileSync(configFile, stringify(serviceConfig(spec, ports, ledgerDir)));
  return startUp({ folder, ledgerDir, ports, configFile }, how);
}

type Place = Pick<RunningService, 'folder' | 'ledgerDir' | 'ports' | 'configFile'>;

export interface StartOptions {
  /** Default: `up`. */
  readonly command?: 'up' | 'daemon';
  /** Arguments of Node, before the program. */
  readonly nodeArguments?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Another build of the program. */
  readonly launcher?: string;
}

/** Starts `lameduck up` or `daemon` for a configuration that is there already. */
export async function startUp(place: Place, how: StartOptions = {}): Promise<RunningService> {
  const up = spawn(
    process.execPath,
    [...(how.nodeArguments ?? []), how.launcher ?? launcher, how.command ?? 'up'],
    {
      cwd: place.folder,
      env: { ...process.env, ...how.environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let log = '';
  up.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    log += chunk;
  });
  const url = await readyUrl(up, () => log);
  return {
    ...place,
    url,
    up,
    log: () => log,
    lameduck: (...args) => runLameduck(place.folder, ...args),
    audit: async (result) => joinLedgers(result, await readServerLedger(place.ledgerDir)),
    stop: () => stopUp(up, place.folder),
  };
}

async function readyUrl(
  up: ChildProcess & { stdout: NodeJS.ReadableStream },
  log: () => string,
): Promise<string> {
  const deadline = setTimeout(() => up.kill('SIGTERM'), readyTimeoutMs);
  try {
    for await (const line of createInterface({ input: up.stdout })) {
      const ready = /^ready(?: (http:\S+))?$/.exec(line);
      if (ready !== null) return ready[1] ?? '';
    }
  } finally {
    clearTimeout(deadline);
    // what it prints later must not fill the pipe
    up.stdout.resume();
  }
  throw new Error(`lameduck up ended before it was ready:\n${log()}`);
}

async function stopUp(up: ChildProcess, folder: string): Promise<number | null> {
  if (up.exitCode === null && up.signalCode === null) {
    const closed = once(up, 'close');
    up.kill('SIGTERM');
    await closed;
  }
  rmSync(folder, { recursive: true, force: true });
  return up.exitCode;
}
