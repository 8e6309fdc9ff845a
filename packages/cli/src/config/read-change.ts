import { extname } from 'node:path';
import { LameduckError } from '@lameduck/core';
import { loadService, type Service } from '../service.ts';
import { changedKeys } from './changed-keys.ts';

/** What a new controller in the same process cannot take over: its place in the file system. */
const fixedKeys: readonly string[] = ['service', 'stateDirectory'];
/** Node loads a module once, and what it imports too. */
const readable: readonly string[] = ['.yaml', '.yml', '.json'];

/** Reads the configuration of a service again. Throws `config` where it is wrong or needs a new process. */
export async function readChange(
  service: Service,
): Promise<{ readonly next: Service; readonly changed: readonly string[] }> {
  if (!readable.includes(extname(service.file)))
    throw needsRestart(`a configuration in ${readable.join(', ')} is wanted`, service.file);
  const next = await loadService({ config: service.file });
  const changed = changedKeys(service.config, next.config);
  const fixed = changed.filter((key) => fixedKeys.includes(key));
  if (fixed.length > 0)
    throw needsRestart('the same service and stateDirectory are wanted', fixed.join(', '));
  return { next, changed };
}

function needsRestart(wanted: string, got: string): LameduckError {
  const message = `Cannot read the configuration again without a restart of the daemon (which is harmless): ${wanted}: current value is ${got}`;
  return new LameduckError('config', message, {});
}
