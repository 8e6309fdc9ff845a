import { readFileSync, statSync } from 'node:fs';
import { extname } from 'node:path';
import { pathToFileURL } from 'node:url';
import {
  type Config,
  type ConfigProblem,
  exitCodes,
  formatPath,
  LameduckError,
  parseConfig,
} from '@lameduck/core';
import { describeModuleError } from './module-error.ts';
import { type Locate, readDocument } from './read-document.ts';

/** A document with a way back from a path of keys to the place in the file. */
export interface Source {
  readonly value: unknown;
  readonly locate: Locate;
}

/** Reads and checks a config file. Throws `config` with every problem at once, each as `file:line:col path: problem`. */
export async function loadConfig(file: string): Promise<Config> {
  const source = await readSource(file);
  const parsed = parseConfig(source.value);
  if (parsed.ok) return parsed.config;
  throw problemsError(file, parsed.problems, source.locate);
}

/** What a YAML, JSON, TypeScript or JavaScript file holds. Throws `config`. */
export async function readSource(file: string): Promise<Source> {
  refuseFolder(file);
  const kind = extname(file);
  if (kind === '.yaml' || kind === '.yml' || kind === '.json') return readDocument(file, readText(file));
  return { value: await importDefault(file), locate: () => undefined };
}

function refuseFolder(file: string): void {
  if (statSync(file, { throwIfNoEntry: false })?.isDirectory() !== true) return;
  const message = `Cannot read config "${file}": a readable file is wanted: current value is a folder`;
  throw new LameduckError('config', message, { file });
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new LameduckError(
      'config',
      `Cannot read config "${file}": a readable file is wanted: ${code}`,
      { file },
      error,
    );
  }
}

async function importDefault(file: string): Promise<unknown> {
  const tellUnsettled = (): void => {
    const wanted = 'a module whose top-level await ends is wanted';
    process.stderr.write(
      `lameduck: Cannot load config "${file}": ${wanted}: current value is one that waits for ever\n`,
    );
    process.exitCode = exitCodes.config;
  };
  // Node ends a process in which nothing is left to wait for, whoever awaits what never comes.
  process.once('exit', tellUnsettled);
  try {
    const module = (await import(pathToFileURL(file).href)) as { default?: unknown };
    if (module.default !== undefined) return module.default;
  } catch (error) {
    const { place, reason } = await describeModuleError(file, error);
    const where = place === undefined ? '' : `${place} `;
    throw new LameduckError('config', `${where}Cannot load config "${file}": ${reason}`, { file }, error);
  } finally {
    process.off('exit', tellUnsettled);
  }
  throw new LameduckError('config', `Cannot load config "${file}": a default export is wanted`, { file });
}

function problemsError(file: string, problems: readonly ConfigProblem[], locate: Locate): LameduckError {
  const lines = problems.map((problem) => {
    const place = locate(problem.path);
    const where = place === undefined ? file : `${file}:${place.line}:${place.column}`;
    return problem.path.length === 0
      ? `${where} ${problem.message}`
      : `${where} ${formatPath(problem.path)}: ${problem.message}`;
  });
  const details = {
    file,
    problems: problems.map(({ path, message }) => ({ path: formatPath(path), message })),
  };
  return new LameduckError('config', lines.join('\n'), details);
}
