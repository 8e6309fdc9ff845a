import { LameduckError } from '@lameduck/core';
import { ourName } from '../../make-folder.ts';
import type { ProcessIdentity } from '../../ports/node-runner.ts';
import { ownerOf } from '../../processes/identity.ts';

/** Refuses before anything is written where we could not tell nginx to read it. Throws `config`. */
export function requireSignal(edge: string, master: ProcessIdentity): void {
  try {
    process.kill(master.pid, 0);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'EPERM') return;
    const owner = ownerOf(master.pid);
    const message = `Cannot reload edge "${edge}": lameduck must run as the user of the nginx master ${master.pid} (uid ${owner ?? 'unknown'}) or as root, to send it HUP: current value is ${ourName()}`;
    throw new LameduckError('config', message, { edge, pid: master.pid }, thrown);
  }
}

/** A refusal by the file system as one clear message; anything else as it is. */
export function describeRefusal(thrown: unknown, action: 'read' | 'write', path: string): unknown {
  const code = (thrown as NodeJS.ErrnoException).code ?? '';
  if (['ENOSPC', 'EDQUOT'].includes(code)) {
    const message = `Cannot ${action} "${path}": room on the disk is wanted: current value is ${code}`;
    return new LameduckError('storeFailed', message, { path, action }, thrown);
  }
  if (['ENOTDIR', 'EISDIR', 'ELOOP', 'ENAMETOOLONG'].includes(code)) {
    const message = `Cannot ${action} "${path}": the path of a file is wanted: current value is ${code}`;
    return new LameduckError('config', message, { path, action }, thrown);
  }
  if (!['EACCES', 'EPERM', 'EROFS'].includes(code)) return thrown;
  const wanted =
    action === 'read'
      ? 'the file must be readable'
      : 'the file and its folder must be writable (a new file is renamed over the old one)';
  const message = `Cannot ${action} "${path}": ${wanted} for ${ourName()}: current value is ${code}`;
  return new LameduckError('config', message, { path, action }, thrown);
}
