import { withOut } from './gate-state.ts';
import { nginxPids } from './in-flight.ts';
import { lookAtMaster, type Opened, writeSpec } from './opened.ts';
import { isAbandoned } from './stale-socket.ts';

/**
 * Writes who is out into the files of an nginx that does not run, so that it starts like that whoever starts it. False
 * where a process of it lives, before or after: one that began meanwhile may have read the files of before.
 */
export async function prepareStopped(opened: Opened, out: readonly string[]): Promise<boolean> {
  if (!(await hasEnded(opened))) return false;
  const state = withOut(opened.spec.state, out);
  if (state !== opened.spec.state) await writeSpec(opened, { ...opened.spec, state });
  return hasEnded(opened);
}

/** A worker may outlive its master; then it listens on the control socket, or was seen as a worker before. */
async function hasEnded(opened: Opened): Promise<boolean> {
  const isGone = lookAtMaster(opened) === undefined && nginxPids(opened).length === 0;
  return isGone && (await isAbandoned(opened.spec.socket));
}
