import { LameduckError } from '@lameduck/core';
import type { ProcessIdentity } from '../../ports/node-runner.ts';
import { findLiving, isSame } from '../../processes/identity.ts';
import type { NginxBuild } from './build.ts';
import type { ControlClient } from './control-client.ts';
import { type Installed, install } from './install.ts';
import { findMaster, listWorkers } from './master.ts';
import { type Files, installFiles, type Plan } from './plan.ts';
import type { IncludeSpec } from './render-include.ts';
import { type NginxCommand, type NginxRun, runNginx } from './run-nginx.ts';

/** An edge that is open: where its nginx is, and what its include says now. */
export interface Opened {
  readonly edge: string;
  readonly plan: Plan;
  readonly build: NginxBuild;
  readonly command: NginxCommand;
  readonly files: Files;
  readonly pidFile: string;
  readonly errorLog: string | undefined;
  /** Whether requests that find no node wait: the gate, and in an attached nginx a location that calls its `hold`. */
  readonly canHold: boolean;
  readonly client: ControlClient;
  /** What is on disk; replaced by each change. */
  spec: IncludeSpec;
  /** The master seen last, with the workers it had. */
  master: ProcessIdentity | undefined;
  workers: readonly ProcessIdentity[];
  /** Gate mode: workers of a configuration before the gate, which do not obey it. */
  ungated: readonly ProcessIdentity[];
}

/** Writes and tests an include; on success it is what the edge has on disk. */
export async function writeSpec(opened: Opened, spec: IncludeSpec): Promise<Installed> {
  return writeFiles(opened, spec, () => runNginx(opened.command, ['-t']));
}

/**
 * Writes an include whose seed alone is another one than nginx has tested: names and numbers that we have checked, in the
 * same place. A test would say nothing of it, refuse what others have broken elsewhere, and cost a process for each change.
 */
export async function writeSeed(opened: Opened, state: IncludeSpec['state']): Promise<Installed> {
  return writeFiles(opened, { ...opened.spec, state }, async () => untested);
}

const untested = { isOk: true, stdout: '', stderr: '' };

async function writeFiles(
  opened: Opened,
  spec: IncludeSpec,
  test: () => Promise<NginxRun>,
): Promise<Installed> {
  const former = opened.spec;
  const installed = await install(opened.edge, installFiles(opened.files, spec), test);
  opened.spec = spec;
  return {
    run: installed.run,
    undo: async () => {
      await installed.undo();
      opened.spec = former;
    },
  };
}

/** Looks at the master and its workers. After a restart by hand the workers before may live on, without our gate. */
export function lookAtMaster(opened: Opened): ProcessIdentity | undefined {
  const master = findMaster(opened.pidFile);
  if (master === undefined) return undefined;
  if (opened.master !== undefined && !isSame(opened.master, master)) {
    opened.ungated = [...opened.ungated, ...opened.workers];
  }
  opened.ungated = opened.ungated.filter((worker) => findLiving(worker) !== undefined);
  opened.master = master;
  opened.workers = listWorkers(master);
  return master;
}

/** The running master. Throws `notRunning`. */
export function requireMaster(opened: Opened): ProcessIdentity {
  const master = lookAtMaster(opened);
  if (master !== undefined) return master;
  throw notRunning(opened.edge, opened.pidFile);
}

export function notRunning(edge: string, pidFile: string): LameduckError {
  const message = `Cannot use edge "${edge}": its nginx must run: current value is no nginx master of ${pidFile}`;
  return new LameduckError('notRunning', message, { edge, pidFile });
}

/** No proof came in time; what was asked for is undone. */
export function unproven(edge: string, wanted: string, got: string, cause?: unknown): LameduckError {
  const message = `Cannot prove the change of edge "${edge}": ${wanted}: current value is ${got}; the change was taken back, the node is in rotation as before`;
  return new LameduckError('edgeUnproven', message, { edge, got }, cause);
}
