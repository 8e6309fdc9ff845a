import { readdirSync, readFileSync } from 'node:fs';
import { statusOf } from './reports.ts';
import type { RunningService } from './run-service.ts';
import { isRunning, until } from './until.ts';

/** The nginx of one edge: its master and its workers. */
export async function edgeProcesses(service: RunningService, name: string): Promise<readonly number[]> {
  const pid = (await statusOf(service)).edges.find((edge) => edge.name === name)?.pid;
  if (pid === undefined) throw new Error(`edge ${name} does not run`);
  return [pid, ...childrenOf(pid)];
}

/** SIGKILL to every process of the edge, as when its host fails. */
export async function killEdge(service: RunningService, name: string): Promise<void> {
  const pids = await edgeProcesses(service, name);
  for (const pid of pids) process.kill(pid, 'SIGKILL');
  await until(`${name} is dead`, async () =>
    (await Promise.all(pids.map(isRunning))).every((lives) => !lives),
  );
}

/** The children of a process. */
export function childrenOf(pid: number): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((child) => parentOf(child) === pid);
}

function parentOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return undefined;
  }
}
