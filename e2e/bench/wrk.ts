import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

export const connections = 32;
// the loader has a core of its own, so that it does not take turns with the server that it measures
const loaderCpu = '1';

/** Where `wrk` is. A loader in Node costs more than the servers where each request has a connection of its own. */
export const wrk: string = process.env['LAMEDUCK_WRK'] ?? 'wrk';

/** @throws Error where there is none, before half of a benchmark has been run. */
export function requireWrk(): void {
  if (spawnSync(wrk, ['-v']).error === undefined) return;
  throw new Error(
    `Cannot put load on anything: wanted wrk (apt-get install wrk): current value is no "${wrk}" on PATH`,
  );
}

/** Connections that are kept, one for each request, or kept ones with a POST of JSON on each. */
export type Traffic = 'keep' | 'close' | 'post';

const orderScript = join(import.meta.dirname, 'apps', 'order.lua');

const wordsOf: Readonly<Record<Traffic, readonly string[]>> = {
  keep: [],
  close: ['-H', 'Connection: close'],
  post: ['-s', orderScript],
};

/** What the clients have seen. */
export interface Answers {
  readonly answered: number;
  /** A second. */
  readonly rate: number;
  /** Milliseconds. */
  readonly p99: number;
  readonly failed: number;
}

const unitMs: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000 };

/** Puts load on a port of this machine, for whole seconds. */
export async function runWrk(port: number, traffic: Traffic, runMs: number): Promise<Answers> {
  const seconds = Math.max(1, Math.round(runMs / 1000));
  const words = ['-t1', `-c${connections}`, `-d${seconds}s`, '--latency', ...wordsOf[traffic]];
  const loader = spawn('taskset', ['-c', loaderCpu, wrk, ...words, `http://127.0.0.1:${port}/`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [output] = await Promise.all([text(loader.stdout), once(loader, 'close')]);
  const answered = Number(/(\d+) requests in/.exec(output)?.[1] ?? 0);
  const [, p99 = '', unit = ''] = /99%\s+([\d.]+)(us|ms|s)/.exec(output) ?? [];
  if (answered === 0 || unit === '') throw new Error(`wrk: ${output}`);
  const sockets = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(output);
  const refused = Number(/Non-2xx or 3xx responses: (\d+)/.exec(output)?.[1] ?? 0);
  const failed = (sockets?.slice(1) ?? []).reduce((sum, number) => sum + Number(number), refused);
  const rate = Number(/Requests\/sec:\s+([\d.]+)/.exec(output)?.[1] ?? 0);
  return { answered, rate, p99: Number(p99) * (unitMs[unit] ?? 0), failed };
}
