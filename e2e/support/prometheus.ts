import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { freePorts } from './ports.ts';
import { projectRoot } from './service-config.ts';
import { until } from './until.ts';

const run = promisify(execFile);

/** Where the set-up has put them, unless the machine has its own (docs/setup.md). */
const folders = [
  ...(process.env.PATH ?? '').split(delimiter),
  join(projectRoot, '.cache/prometheus/usr/bin'),
];

/** The program's path; `undefined` where it is not installed. */
export function findProgram(name: 'prometheus' | 'promtool'): string | undefined {
  return folders
    .map((folder) => join(folder, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/** Why tests with a real Prometheus cannot run here; false where they can. */
export const withoutPrometheus: string | false =
  findProgram('prometheus') !== undefined && findProgram('promtool') !== undefined
    ? false
    : 'prometheus and promtool are missing: make setup';

/** Runs promtool; what it was given on stdin is `input`. Rejects with its complaint. */
export async function promtool(args: readonly string[], input = ''): Promise<string> {
  const done = run(findProgram('promtool') ?? 'promtool', args, { timeout: 30_000 });
  done.child.stdin?.end(input);
  const { stdout, stderr } = await done;
  return `${stdout}${stderr}`;
}

interface Series {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}

/** A Prometheus that is asked through its API. */
export interface RunningPrometheus {
  query(expression: string): Promise<readonly Series[]>;
  /** Names of the alerts that fire or are about to. */
  alerts(): Promise<readonly string[]>;
  /** Why the last scrape of each target failed, where it did. */
  scrapeErrors(): Promise<readonly string[]>;
  stop(): Promise<void>;
}

/** Starts one that does what the text of a configuration says. */
export async function startPrometheus(folder: string, text: string): Promise<RunningPrometheus> {
  const [port = 0] = await freePorts(1);
  mkdirSync(folder, { recursive: true });
  const config = join(folder, 'prometheus.yml');
  writeFileSync(config, text);
  await promtool(['check', 'config', config]);
  const child = spawn(
    findProgram('prometheus') ?? 'prometheus',
    [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    log += chunk;
  });
  const api = `http://127.0.0.1:${port}/api/v1`;
  const isReady = async (): Promise<boolean> => {
    if (child.exitCode !== null) throw new Error(`prometheus ended:\n${log}`);
    const answer = await fetch(`http://127.0.0.1:${port}/-/ready`).catch(() => undefined);
    return answer?.status === 200;
  };
  await until('prometheus is ready', isReady, 60_000);
  return {
    query: async (expression) => {
      const answer = await fetch(`${api}/query?query=${encodeURIComponent(expression)}`);
      const body = (await answer.json()) as { error?: string; data?: { result: Series[] } };
      if (body.data === undefined) throw new Error(`${expression}: ${body.error}`);
      return body.data.result;
    },
    alerts: async () => {
      const body = (await (await fetch(`${api}/alerts`)).json()) as {
        data: { alerts: { labels: { alertname: string } }[] };
      };
      return body.data.alerts.map(({ labels }) => labels.alertname);
    },
    scrapeErrors: async () => {
      const body = (await (await fetch(`${api}/targets`)).json()) as {
        data: { activeTargets: { lastError: string }[] };
      };
      return body.data.activeTargets.map(({ lastError }) => lastError).filter((error) => error !== '');
    },
    stop: () => stop(child),
  };
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}
