import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EdgeMode } from '../../ports/edge.ts';
import { isAtLeast } from './build.ts';
import { prepare, writeFirstPlan } from './open-edge.ts';
import type { NginxEdgeOptions } from './options.ts';

/** How an edge would run. */
export interface EdgeCheck {
  /** `nginx/1.22.1`. */
  readonly server: string;
  readonly mode: EdgeMode;
  /** A reload of this nginx resets idle keep-alive connections of clients (before 1.27.4). */
  readonly resetsIdleClients: boolean;
}

/**
 * What `open` would do, tested by nginx itself and taken back at once; nothing is started or signalled. Throws
 * what `open` would throw: `binaryMissing`, `edgeRejected`, `config`.
 */
export async function checkNginxEdge(options: NginxEdgeOptions): Promise<EdgeCheck> {
  // a managed edge may be running from its own folder
  const trial = mkdtempSync(join(tmpdir(), 'lameduck-check-'));
  try {
    const isManaged = options.kind === 'managed';
    const ground = await prepare(
      isManaged ? { ...options, directory: trial } : options,
      [],
      join(trial, 'check.sock'),
    );
    const { opened, installed } = await writeFirstPlan(ground);
    await installed.undo();
    const { build, plan } = opened;
    return { server: build.server, mode: plan.mode, resetsIdleClients: !isAtLeast(build, 1, 27, 4) };
  } finally {
    rmSync(trial, { recursive: true, force: true });
  }
}
