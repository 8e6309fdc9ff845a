import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { refuseUsedAddress } from './managed.ts';
import { findMaster } from './master.ts';
import { type Attempt, type Ground, prepare, writeFirstPlan } from './open-edge.ts';
import type { NginxEdgeOptions } from './options.ts';
import { placeSocket } from './socket-path.ts';

/** What `open` would run, and what nginx said of it. */
export interface Rehearsal {
  readonly ground: Ground;
  readonly attempt: Attempt;
}

/**
 * What `open` would write, tested by nginx itself and taken back at once; nothing is started or signalled, and nothing stays.
 * Throws what `open` would throw before it starts anything: `binaryMissing`, `edgeRejected`, `addressInUse`, `config`.
 */
export async function rehearse(options: NginxEdgeOptions): Promise<Rehearsal> {
  if (options.kind === 'managed' && findMaster(join(options.directory, 'nginx.pid')) === undefined)
    await refuseUsedAddress(options.name, options.listen);
  // a managed edge may be running from its own folder, and nobody may ever open this one
  const trial = mkdtempSync(join(tmpdir(), 'lameduck-check-'));
  try {
    const socket = trialSocket(options, trial);
    const ground = await prepare({ ...options, directory: trial }, [], socket);
    const out = options.kind === 'managed' ? [] : [...(ground.previous?.state.out.keys() ?? [])];
    const attempt = await writeFirstPlan({ ...ground, out });
    await attempt.installed.undo();
    return { ground: { ...ground, options }, attempt };
  } finally {
    rmSync(trial, { recursive: true, force: true });
  }
}

/** With the socket of the real one, an include that is there already is the same, and is not touched. */
function trialSocket(options: NginxEdgeOptions, trial: string): string {
  if (options.kind === 'managed' || !existsSync(options.directory)) return join(trial, 'check.sock');
  return placeSocket(options.directory, true).path;
}
