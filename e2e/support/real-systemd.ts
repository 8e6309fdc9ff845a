import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { after, before } from 'node:test';
import { projectRoot } from './service-config.ts';
import { until } from './until.ts';

const script = join(import.meta.dirname, 'real-systemd.sh');
/** Files laid over the machine's root: another version of systemd, unpacked from its packages. */
const overlay = process.env['LAMEDUCK_SYSTEMD_ROOT'];
const bootTimeoutMs = 30_000;

/** What lies where, inside. */
export const inside = {
  project: '/srv/lameduck',
  /** The one folder that both sides can write. */
  shared: '/srv/shared',
  path: '/srv/node:/srv/lameduck/node_modules/.bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
} as const;

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A systemd that runs as process 1 of its own namespaces; 127.0.0.1 is that of the test. Pids are its own. */
export interface Machine {
  /** Such as 252. */
  readonly version: number;
  /** The host's view of `inside.shared`. */
  readonly shared: string;
  /** The arguments of `nsenter` up to the command. */
  readonly entry: readonly string[];
  /** Runs a command as root inside. */
  run(command: string, ...args: string[]): Promise<Ran>;
  /** `run`, or an error that has what it said. */
  systemctl(...args: string[]): Promise<string>;
  /** One property of a unit, as `systemctl show` has it. */
  show(unit: string, property: string): Promise<string>;
  /** The messages of a unit and of systemd about it. */
  journal(unit: string): Promise<string>;
  /** Writes files by absolute path inside, then `daemon-reload`. */
  write(files: Readonly<Record<string, string>>): Promise<void>;
  /** Ends every process in it; resolves when all traces are gone. */
  close(): Promise<void>;
}

/** Why there cannot be such a machine here; `false` where there can. */
export function whyNoSystemd(): string | false {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'needs root on Linux';
  if (!['/usr/lib/systemd/systemd', '/lib/systemd/systemd'].some((file) => existsSync(file)))
    return 'no systemd (package systemd)';
  const cgroup = / (\/\S*) \S+(?: \S+)* - cgroup2 /.exec(readFileSync('/proc/self/mountinfo', 'utf8'))?.[1];
  if (cgroup === undefined || !canWrite(cgroup)) return 'no cgroup2 that can be written';
  for (const tool of ['nsenter', 'setpriv', 'pivot_root'])
    if (spawnSync(tool, ['--version']).error !== undefined) return `no ${tool} (package util-linux)`;
  const flags = ['--pid', '--fork', '--mount', '--uts', '--ipc', '--cgroup'];
  const tried = spawnSync('unshare', [...flags, 'mount', '-t', 'tmpfs', 'none', '/mnt'], {
    encoding: 'utf8',
  });
  return tried.status === 0
    ? false
    : `no right to namespaces: ${tried.error?.message ?? tried.stderr.trim()}`;
}

function canWrite(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Boots one; the folder must exist and gets what both sides share. */
export async function bootMachine(folder: string): Promise<Machine> {
  const shared = join(folder, 'shared');
  mkdirSync(shared);
  // for users that systemd makes up
  chmodSync(shared, 0o1777);
  const over = overlay === undefined ? [] : [overlay];
  const outer = spawn(
    'bash',
    [script, join(folder, 'machine'), projectRoot, process.execPath, shared, ...over],
    { stdio: ['pipe', 'pipe', 'pipe'], detached: true },
  );
  let said = '';
  outer.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    said += chunk;
  });
  const machine = await machineOf(outer, shared).catch(async (error: Error) => {
    await end(outer);
    throw new Error(`${error.message}: ${said}`);
  });
  return machine;
}

async function machineOf(
  outer: ChildProcess & { stdout: NodeJS.ReadableStream },
  shared: string,
): Promise<Machine> {
  const pid = await hostPid(outer.stdout);
  const entry = [
    '--target',
    String(pid),
    '--mount',
    '--pid',
    '--uts',
    '--ipc',
    '--cgroup',
    '--root',
    '--wd',
    '--',
  ];
  const run = (command: string, ...args: string[]): Promise<Ran> => runIn(entry, '', command, ...args);
  const systemctl = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await run('systemctl', ...args);
    if (code === 0) return stdout;
    throw new Error(`systemctl ${args.join(' ')} ended with ${code}: ${stderr}${stdout}`);
  };
  const isUp = async (): Promise<boolean> =>
    (await run('systemctl', 'is-active', 'basic.target')).stdout.trim() === 'active';
  await until('systemd has booted', isUp, bootTimeoutMs);
  return {
    version: Number(/^systemd (\d+)/.exec((await run('systemctl', '--version')).stdout)?.[1]),
    shared,
    entry,
    run,
    systemctl,
    show: async (unit, property) => (await systemctl('show', '--value', '--property', property, unit)).trim(),
    journal: async (unit) => (await run('journalctl', '--no-pager', '--output=short', '--unit', unit)).stdout,
    async write(files) {
      for (const [file, content] of Object.entries(files)) {
        const write = `mkdir -p "\${1%/*}" && cat >"$1"`;
        const { code, stderr } = await runIn(entry, content, 'sh', '-c', write, 'sh', file);
        if (code !== 0) throw new Error(`Cannot write ${file}: ${stderr}`);
      }
      await systemctl('daemon-reload');
    },
    close: () => end(outer),
  };
}

async function hostPid(stdout: NodeJS.ReadableStream): Promise<number> {
  for await (const line of createInterface({ input: stdout })) {
    const [, pid] = /^machine (\d+)$/.exec(line) ?? [];
    if (pid !== undefined) return Number(pid);
  }
  throw new Error('the machine did not start');
}

async function runIn(entry: readonly string[], input: string, ...command: string[]): Promise<Ran> {
  const child = spawn('nsenter', [...entry, ...command], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { PATH: inside.path, LC_ALL: 'C' },
  });
  // a command that reads nothing may be gone already
  child.stdin.on('error', () => undefined).end(input);
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  return { code: code as number, stdout, stderr };
}

/** The script ends everything when its standard input does. */
async function end(outer: ChildProcess): Promise<void> {
  if (outer.exitCode !== null || outer.signalCode !== null) return;
  const closed = once(outer, 'close');
  outer.stdin?.destroy();
  await closed;
}

/** For the tests of one suite: a machine that is booted before the first of them. The folder is removed in the end. */
export function withMachine(folder: string): { readonly machine: Machine } {
  let machine: Machine | undefined;
  before(async () => {
    machine = await bootMachine(folder);
  });
  after(async () => {
    await machine?.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return {
    get machine() {
      if (machine === undefined) throw new Error('the machine has not booted');
      return machine;
    },
  };
}

/** A unit file of `examples/systemd`, untouched, with what a test needs in drop-ins of the unit. */
export function exampleUnit(name: string, dropIn: string): Record<string, string> {
  return {
    [`/etc/systemd/system/${name}`]: readFileSync(join(projectRoot, 'examples', 'systemd', name), 'utf8'),
    [`/etc/systemd/system/${name}.d/test.conf`]: dropIn,
  };
}

/** Programs for a process outside that talks to the machine: `systemctl` and `journalctl` in a folder for its PATH. */
export function linkPrograms(machine: Machine, folder: string): void {
  for (const program of ['systemctl', 'journalctl']) {
    const file = join(folder, program);
    writeFileSync(file, `#!/bin/sh\nexec nsenter ${machine.entry.join(' ')} ${program} "$@"\n`);
    chmodSync(file, 0o755);
  }
}
