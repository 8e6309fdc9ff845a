import { statSync } from 'node:fs';
import { LameduckError } from '@lameduck/core';
import { readIfThere } from './atomic-file.ts';
import { describeRefusal } from './permissions.ts';
import { serviceOf } from './render-include.ts';

/**
 * The bytes of the include of an attached nginx; `undefined` where there is none. Throws `config` where it is not ours to
 * replace: everything but a plain file that is empty or that lameduck wrote for this service.
 */
export async function readOwnInclude(path: string, service: string): Promise<Buffer | undefined> {
  try {
    // not read first: a pipe would never end, and a device would be replaced
    const found = statSync(path, { throwIfNoEntry: false });
    if (found !== undefined && !found.isFile()) throw foreign(path, service, describeKind(found));
    const bytes = await readIfThere(path);
    const text = bytes?.toString('utf8') ?? '';
    const writtenFor = serviceOf(text);
    if (text.trim() === '' || writtenFor === service) return bytes;
    throw foreign(
      path,
      service,
      writtenFor === undefined
        ? 'a file that lameduck did not write'
        : `the include of service "${writtenFor}": name another file, or remove that one where the service is gone`,
    );
  } catch (thrown) {
    throw describeRefusal(thrown, 'read', path);
  }
}

function describeKind(found: { isDirectory(): boolean }): string {
  return found.isDirectory() ? 'a folder' : 'no plain file';
}

function foreign(path: string, service: string, got: string): LameduckError {
  const message = `Cannot write include "${path}": lameduck replaces it as a whole, so it must be a file of its own, new, empty or written by lameduck for service "${service}": current value is ${got}`;
  return new LameduckError('config', message, { path, service });
}
