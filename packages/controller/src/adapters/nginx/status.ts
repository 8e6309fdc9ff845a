import { formatAddress } from '@lameduck/core';
import type { EdgeMode, EdgeStatus } from '../../ports/edge.ts';
import { pauseStatus } from './hold.ts';
import { describeUpgrade } from './master.ts';
import { lookAtMaster, type Opened } from './opened.ts';
import type { NginxEdgeOptions } from './options.ts';
import { weightsOf } from './weigh.ts';

/** What the edge itself knows. */
export interface SeenEdge {
  readonly mode: EdgeMode;
  readonly opened: Opened | undefined;
  readonly isChanging: boolean;
}

/** How the edge stands: who is out is what nginx itself says. */
export async function nginxStatus(
  options: NginxEdgeOptions,
  { mode, opened, isChanging }: SeenEdge,
  signal: AbortSignal,
): Promise<EdgeStatus> {
  const listen = options.kind === 'managed' ? { listen: formatAddress(options.listen) } : {};
  const base = { name: options.name, mode, ...listen };
  if (opened === undefined) return { ...base, state: 'starting', server: '', out: [] };
  const { generation, state } = opened.spec;
  const gateChanges = mode === 'gate' ? { gateChanges: state.epoch } : {};
  const about = { server: opened.build.server, generation, ...gateChanges };
  const known = { ...base, ...about, out: [...state.out.keys()], ...weightsOf(opened) };
  const master = lookAtMaster(opened);
  if (master === undefined)
    return { ...known, state: 'stopped', reason: `no nginx master of ${opened.pidFile}` };
  // until it is over nothing can be changed
  const upgrade = describeUpgrade(opened.pidFile);
  const running = { ...known, pid: master.pid, ...(upgrade === undefined ? {} : { reason: upgrade }) };
  if (isChanging && mode === 'reload') return { ...running, state: 'reloading' };
  const out = await readOut(opened, signal);
  if (out === undefined) {
    return { ...running, state: 'failed', out: [], reason: 'the control socket of nginx does not answer' };
  }
  const pause = await pauseStatus(opened, signal).catch(() => ({}));
  return { ...running, ...pause, state: 'ready', out };
}

/** What nginx itself says: the gate, or the configuration that it has loaded. */
async function readOut(opened: Opened, signal: AbortSignal): Promise<readonly string[] | undefined> {
  if (opened.plan.mode === 'gate') {
    const reading = await opened.client.recentGate(signal).catch(() => undefined);
    return reading === undefined ? undefined : [...reading.state.out.keys()];
  }
  const marker = await opened.client.marker(signal);
  if (marker === undefined) return undefined;
  return marker.generation === opened.spec.generation ? [...opened.spec.state.out.keys()] : [];
}
