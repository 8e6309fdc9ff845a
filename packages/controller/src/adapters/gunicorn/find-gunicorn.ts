import { execFile } from 'node:child_process';
import { accessSync, closeSync, constants, openSync, readSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { LameduckError } from '@lameduck/core';

/** How to run Gunicorn and which Python runs it. */
export interface Gunicorn {
  readonly command: readonly string[];
  readonly python: string;
  readonly version?: string | undefined;
}

export interface GunicornSearch {
  readonly node: string;
  readonly directory: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Words before a command that make it run as the node's user: his files are his to change. */
  readonly prefix?: readonly string[];
  /** Default: `LAMEDUCK_GUNICORN` of the environment, else the first on PATH that runs, else /usr/bin/gunicorn. */
  readonly command?: string;
  /** Runs `PYTHON -m gunicorn`. */
  readonly python?: string;
}

const run = promisify(execFile);
const runDeadlineMs = 20_000;
const debianGunicorn = '/usr/bin/gunicorn';

/** Resolves with a Gunicorn that answered `--version`. Throws `binaryMissing` with all that was tried. */
export async function findGunicorn(search: GunicornSearch, signal: AbortSignal): Promise<Gunicorn> {
  const tried: string[] = [];
  for (const candidate of candidates(search)) {
    try {
      const printed = await runTool([...candidate.command, '--version'], search, signal);
      const [, version] = /\(version ([\w.+-]{1,40})\)/.exec(printed) ?? [];
      return { ...candidate, ...(version === undefined ? {} : { version }) };
    } catch (thrown) {
      if (signal.aborted) throw thrown;
      tried.push(`${candidate.command.join(' ')} (${reasonOf(thrown)})`);
    }
  }
  const got = tried.length === 0 ? 'none on PATH' : tried.join(', ');
  const message = `Cannot start "${search.node}": a gunicorn that runs must be installed: current value is ${got}`;
  throw new LameduckError('binaryMissing', message, { node: search.node, tried });
}

/** Runs a tool to its end in the node's directory and environment; resolves with what it printed. */
export async function runTool(
  command: readonly string[],
  { directory, environment, prefix = [] }: Pick<GunicornSearch, 'directory' | 'environment' | 'prefix'>,
  signal: AbortSignal,
): Promise<string> {
  const [file = '', ...args] = [...prefix, ...command];
  const options = { cwd: directory, env: environment, signal, timeout: runDeadlineMs };
  return (await run(file, args, options)).stdout;
}

function candidates(search: GunicornSearch): readonly Gunicorn[] {
  const { directory, environment } = search;
  if (search.python !== undefined) {
    const python = located(search.python, directory, environment)[0] ?? search.python;
    return [{ command: [python, '-m', 'gunicorn'], python }];
  }
  const configured = search.command ?? environment.LAMEDUCK_GUNICORN;
  const files =
    configured === undefined || configured === ''
      ? new Set([...located('gunicorn', directory, environment), debianGunicorn])
      : [located(configured, directory, environment)[0] ?? configured];
  return [...files].map((file) => ({ command: [file], python: interpreterOf(file, directory, environment) }));
}

type Environment = GunicornSearch['environment'];

// A name is looked for on the node's PATH, a path is taken as it is.
function located(name: string, directory: string, environment: Environment): string[] {
  if (name.includes('/')) return [resolve(directory, name)];
  const folders = (environment.PATH ?? '').split(':').filter(isAbsolute);
  return folders.map((folder) => join(folder, name)).filter(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * The Python that a script's first line names. PATH's python3 may be another one, without Gunicorn's packages. Where
 * a shell script stands before Python (pyenv's shims), the python3 beside it leads to the same interpreter.
 */
function interpreterOf(file: string, directory: string, environment: Environment): string {
  const [first = '', second = ''] = readHead(file).split('\n');
  const [program = '', argument = ''] = first.replace(/^#!\s*/, '').split(/\s+/);
  if (basename(program) === 'env') return located(argument, directory, environment)[0] ?? argument;
  if (basename(program).startsWith('python') || basename(program).startsWith('pypy')) return program;
  // pip writes this where the path is too long for a first line: '''exec' "/long/path/python" "$0" "$@"
  const long = /^'''exec' "?([^"]+?)"? "\$0"/.exec(second)?.[1];
  return long ?? join(dirname(file), 'python3');
}

function readHead(file: string): string {
  try {
    const fd = openSync(file, 'r');
    const buffer = Buffer.alloc(1024);
    const length = readSync(fd, buffer, 0, buffer.length, 0);
    closeSync(fd);
    return buffer.toString('utf8', 0, length);
  } catch {
    return '';
  }
}

function reasonOf(thrown: unknown): string {
  const { code, stderr, message } = thrown as { code?: unknown; stderr?: string; message: string };
  const last = stderr?.trim().split('\n').at(-1);
  return last === undefined || last === '' ? String(code ?? message) : last;
}
