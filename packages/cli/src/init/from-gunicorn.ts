import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { LameduckError, parseAddress } from '@lameduck/core';
import { type Draft, toDuration, toEnvironment, toName } from './draft.ts';
import { gunicornNotes } from './gunicorn-notes.ts';
import { readInChild } from './read-in-child.ts';

/** The settings of a gunicorn.conf.py that are plain values; callables and objects are only named. */
export type GunicornSettings = Readonly<Record<string, unknown>>;

// In a process of its own: the file is a program. A class becomes its dotted name; what JSON has no word for is left out.
const script = `
import json, math, os, runpy, sys
def plain(value):
    if isinstance(value, type):
        return value.__module__ + "." + value.__qualname__
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, (str, bool, int, float)) or value is None:
        return value
    if isinstance(value, (list, tuple, set)):
        return [plain(one) for one in value]
    return {"other": type(value).__name__}
sys.path.insert(0, os.getcwd())
found = runpy.run_path(sys.argv[1])
names = {k: plain(v) for k, v in found.items() if not k.startswith("_") and type(v).__name__ != "module"}
data = json.dumps(names).encode()
while data:
    data = data[os.write(3, data):]
os._exit(0)
`;

/** The configuration for one Gunicorn; `app` is MODULE:VARIABLE where the file does not say it. Throws `config`. */
export async function readGunicorn(file: string, app: string | undefined, folder: string): Promise<Draft> {
  const path = resolve(file);
  if (!existsSync(path)) {
    const message = `Cannot read "${path}": a readable file is wanted: current value is ENOENT`;
    throw new LameduckError('config', message, { file: path });
  }
  const found = await readInChild(path, ['python3', '-c', script, path], dirname(path));
  const settings: GunicornSettings = typeof found === 'object' && found !== null ? { ...found } : {};
  const home = resolve(dirname(path), textOf(settings['chdir']) ?? '.');
  const { env, notes: envNotes } = readEnvironment(settings['raw_env']);
  const bind = readBind(settings['bind']);
  const application = chooseApp(settings, app, home);
  // a relative chdir, and all else in the file, is meant from where the file is
  const directory = relative(folder, dirname(path)) || '.';
  const graceful = numberOf(settings['graceful_timeout']);
  return {
    service: toName(application.name.split(':')[0] ?? '', 'app'),
    nodes: [
      {
        name: 'a',
        address: bind.address,
        ...(directory === '.' ? {} : { directory }),
        ...(Object.keys(env).length === 0 ? {} : { env }),
        gunicorn: {
          app: application.name,
          ...processSettings(settings),
          arguments: argumentsOf(settings, path),
        },
      },
    ],
    ...(graceful === undefined
      ? {}
      : { shutdown: { timeoutGracefulShutdown: toDuration(Math.max(1, graceful) * 1000) } }),
    notes: [...envNotes, ...bind.notes, ...application.notes, ...gunicornNotes(settings)],
    steps: ['stop the Gunicorn that runs now before lameduck up'],
  };
}

/** Bound, started and stopped by lameduck; all else Gunicorn still reads from its own file. */
function argumentsOf(settings: GunicornSettings, path: string): readonly string[] {
  const keepAlive = numberOf(settings['keepalive']);
  return [
    ...['--config', basename(path)],
    ...(keepAlive === undefined || keepAlive <= 15 ? [] : ['--keep-alive', String(keepAlive)]),
  ];
}

function processSettings(settings: GunicornSettings): { workers: number; workerClass: string } {
  const workers = numberOf(settings['workers']) ?? Number(process.env['WEB_CONCURRENCY'] ?? 1);
  const threads = numberOf(settings['threads']) ?? 1;
  const given = textOf(settings['worker_class']);
  const isName = given !== undefined && /^[\w.:+]+$/.test(given);
  // Gunicorn's own default, which takes WSGI; lameduck's is Uvicorn's worker
  const workerClass = isName ? given : threads > 1 ? 'gthread' : 'sync';
  return { workers: Number.isInteger(workers) ? Math.min(512, Math.max(1, workers)) : 1, workerClass };
}

function readEnvironment(raw: unknown): ReturnType<typeof toEnvironment> {
  const lines = (Array.isArray(raw) ? raw : [raw]).filter((line): line is string => typeof line === 'string');
  const pairs = lines.map((line) => [line.split('=')[0] ?? '', line.slice(line.indexOf('=') + 1)]);
  return toEnvironment(Object.fromEntries(pairs), 'raw_env');
}

function readBind(value: unknown): { readonly address: string; readonly notes: readonly string[] } {
  const port = process.env['PORT'];
  const otherwise = port !== undefined && /^\d+$/.test(port) ? `127.0.0.1:${port}` : '127.0.0.1:8000';
  const binds = (Array.isArray(value) ? value : [value]).filter(
    (one): one is string => typeof one === 'string',
  );
  const [first = otherwise, ...more] = binds.flatMap((one) => one.split(',')).map((one) => one.trim());
  const notes = more.map((one) => `bind ${one}: a node has one address; clients come to the edge`);
  const full = first.includes(':') ? first : `${first}:8000`;
  // every interface is for clients, which come to the edge from now on
  const local = full.replace(/^(0\.0\.0\.0|\[::\])?:(?=\d+$)/, '127.0.0.1:');
  if (local !== full) notes.push(`bind ${first}: becomes ${local}; clients come to the edge`);
  if (parseAddress(local) !== undefined) return { address: local, notes };
  return { address: otherwise, notes: [...notes, `bind ${first}: not an address that lameduck takes`] };
}

const applicationName = /^[A-Za-z_][\w.]*:[A-Za-z_][\w.]*(\(\))?$/;

function chooseApp(
  settings: GunicornSettings,
  given: string | undefined,
  home: string,
): { readonly name: string; readonly notes: readonly string[] } {
  const named = given ?? textOf(settings['wsgi_app']);
  const full = named === undefined || named.includes(':') ? named : `${named}:application`;
  if (full !== undefined && applicationName.test(full)) return { name: full, notes: [] };
  if (given !== undefined) {
    const message = `Cannot use application "${given}": --app MODULE:VARIABLE is wanted`;
    throw new LameduckError('usage', message, { app: given });
  }
  const guess = guessApp(home);
  const how = guess === undefined ? 'app:app is a guess' : `${guess} was found in ${basename(home)}`;
  return {
    name: guess ?? 'app:app',
    notes: [`the file does not name the application: ${how} (--app MODULE:VARIABLE)`],
  };
}

function guessApp(home: string): string | undefined {
  for (const module of ['main', 'app', 'api', 'asgi', 'wsgi', 'server']) {
    const file = join(home, `${module}.py`);
    const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
    const [, variable] = /^(?:(?:async )?def )?(app|application|api)\s*[:=(]/m.exec(text) ?? [];
    if (variable !== undefined) return `${module}:${variable}`;
  }
  return undefined;
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}
