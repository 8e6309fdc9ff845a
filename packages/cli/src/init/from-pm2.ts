import { availableParallelism } from 'node:os';
import { basename, dirname, relative, resolve } from 'node:path';
import { LameduckError } from '@lameduck/core';
import { type Draft, type NodeDraft, nodeName, toDuration, toEnvironment, toName } from './draft.ts';
import { readLaunch } from './pm2-launch.ts';
import { notCarried } from './pm2-notes.ts';
import { type Pm2App, readEcosystem } from './read-ecosystem.ts';

/** The configuration for an application of a PM2 file; `folder` is what its paths become relative to. Throws `config`, `usage`. */
export async function readPm2(file: string, wanted: string | undefined, folder: string): Promise<Draft> {
  const apps = await readEcosystem(file);
  const chosen = chooseApp(apps, wanted);
  const same = apps.filter(
    (app) => app !== chosen && app['script'] === chosen['script'] && wanted === undefined,
  );
  const others = apps.filter((app) => app !== chosen && !same.includes(app));
  const parts = [chosen, ...same].map((app) => readApp(app, file, folder));
  const nodes = parts.flatMap((part) => part.nodes);
  const killMs = longest([chosen, ...same], 'kill_timeout');
  const listenMs = longest([chosen, ...same], 'listen_timeout');
  return {
    service: toName(nameOf(chosen), 'app'),
    nodes: nodes.map((node, index) => ({ ...node, name: nodeName(index) })),
    ...(killMs === undefined
      ? {}
      : { shutdown: { timeoutGracefulShutdown: toDuration(Math.max(1000, killMs)) } }),
    ...(listenMs === undefined ? {} : { startup: { timeout: toDuration(Math.max(1000, listenMs)) } }),
    notes: [
      ...parts.flatMap(({ notes }) => notes),
      ...others.map(
        (app) =>
          `app "${nameOf(app)}": another program; write it a file of its own (--app ${nameOf(app)} -o FILE)`,
      ),
    ],
    steps: ['pm2 delete the application before lameduck up, and pm2 save'],
  };
}

function nameOf(app: Pm2App): string {
  const { name, script } = app;
  return typeof name === 'string' && name !== '' ? name : basename(String(script)).replace(/\.[^.]*$/, '');
}

function chooseApp(apps: readonly Pm2App[], wanted: string | undefined): Pm2App {
  const chosen = wanted === undefined ? apps[0] : apps.find((app) => nameOf(app) === wanted);
  if (chosen !== undefined) return chosen;
  const names = apps.map(nameOf);
  const message = `Cannot find app "${wanted}": one of ${names.join(', ')} is wanted`;
  throw new LameduckError('usage', message, { app: wanted, names });
}

function longest(apps: readonly Pm2App[], key: string): number | undefined {
  const values = apps.flatMap((app) =>
    typeof app[key] === 'number' && Number.isFinite(app[key]) ? [app[key]] : [],
  );
  return values.length === 0 ? undefined : Math.max(...values);
}

type Part = Pick<Draft, 'nodes' | 'notes'>;

function readApp(app: Pm2App, file: string, folder: string): Part {
  const where = `app "${nameOf(app)}"`;
  const { env, notes } = toEnvironment(app['env'], `${where} env`);
  const workers = countInstances(app['instances']);
  const home = resolve(dirname(resolve(file)), typeof app['cwd'] === 'string' ? app['cwd'] : '.');
  const directory = relative(folder, home) || '.';
  const launch = readLaunch(app, home, folder);
  const base = { name: '', ...(directory === '.' ? {} : { directory }), ...launch.draft };
  const port = Number(env['PORT'] ?? app['port'] ?? Number.NaN);
  const isPort = Number.isInteger(port) && port > 0 && port < 65_536;
  const guess = isPort ? [] : [`${where}: no PORT in env, so its address is a guess`];
  const kind = kindOf(app, workers, where);
  const settings = { ...kind.env, ...env };
  const step = typeof app['increment_var'] === 'string' && kind.isApp ? app['increment_var'] : undefined;
  const address = (index: number): string => `127.0.0.1:${(isPort ? port : 8001) + index}`;
  // one process for each port: what PM2's increment_var makes of the instances
  const nodes: NodeDraft[] = Array.from({ length: step === 'PORT' ? workers : 1 }, (_, index) => ({
    ...base,
    address: address(index),
    ...environmentOf(
      step === 'PORT' ? { ...settings, PORT: String((isPort ? port : 8001) + index) } : settings,
    ),
    ...kind.node(step === 'PORT' ? 1 : workers),
  }));
  return { nodes, notes: [...notes, ...guess, ...kind.notes, ...notCarried(app, where, launch.carried)] };
}

function environmentOf(env: Readonly<Record<string, string>>): Pick<NodeDraft, 'env'> {
  return Object.keys(env).length === 0 ? {} : { env };
}

/** `max`, 0 and negative numbers count from the cores, as in PM2. */
function countInstances(value: unknown): number {
  if (value === undefined || value === null) return 1;
  const count = value === 'max' ? 0 : Number(value);
  if (!Number.isInteger(count)) return 1;
  return Math.min(512, Math.max(1, count > 0 ? count : availableParallelism() + count));
}

interface Kind {
  readonly isApp: boolean;
  readonly env: Readonly<Record<string, string>>;
  readonly notes: readonly string[];
  node(workers: number): object;
}

/** Under our master where the script is a module of Node without arguments; else as a process of its own. */
function kindOf(app: Pm2App, workers: number, where: string): Kind {
  const script = String(app['script']);
  const words = wordsOf(app['args']);
  const interpreter = typeof app['interpreter'] === 'string' ? app['interpreter'] : app['exec_interpreter'];
  const isModule = /\.[cm]?[jt]s$/.test(script) && (interpreter === undefined || interpreter === 'node');
  if (isModule && words.length === 0) {
    const entry = script.startsWith('.') || script.startsWith('/') ? script : `./${script}`;
    return {
      isApp: true,
      env: nodeSettings(app),
      notes: [],
      node: (count) => ({ app: { entry, workers: count } }),
    };
  }
  const program =
    interpreter === undefined || interpreter === 'none' ? (isModule ? ['node'] : []) : [String(interpreter)];
  const start = [...program, ...wordsOf(app['interpreter_args'] ?? app['node_args']), script, ...words];
  const why = isModule ? 'has args' : 'is no module of Node';
  const notes =
    workers > 1
      ? [`${where} ${why}: a process node of one process; its ${workers} instances are not carried over`]
      : [`${where} ${why}: a process node, which must listen on its address by itself`];
  return { isApp: false, env: {}, notes, node: () => ({ process: { start } }) };
}

/** Settings of our master that a node takes by its environment. */
function nodeSettings(app: Pm2App): Readonly<Record<string, string>> {
  const flags = wordsOf(app['node_args'] ?? app['interpreter_args']).join(' ');
  const memory = app['max_memory_restart'];
  const isMemory = typeof memory === 'string' && /^\d+[KMG]$/i.test(memory);
  return {
    ...(app['wait_ready'] === true ? { LAMEDUCK_WAIT_READY: 'true' } : {}),
    ...(isMemory ? { LAMEDUCK_MAX_MEMORY: `${memory.toUpperCase()}B` } : {}),
    ...(flags === '' ? {} : { NODE_OPTIONS: flags }),
  };
}

function wordsOf(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.map(String).filter((word) => word !== '');
  return typeof value === 'string' ? value.split(/\s+/).filter((word) => word !== '') : [];
}
