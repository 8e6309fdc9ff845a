import { relative, resolve } from 'node:path';
import type { NodeDraft } from './draft.ts';
import type { Pm2App } from './read-ecosystem.ts';

/** The keys of PM2 for a log, the one for both streams first. PM2 takes the short forms, too. */
const logKeys = ['log_file', 'log', 'out_file', 'out', 'output', 'error_file', 'err_file', 'err', 'error'];
const nowhere = ['NULL', '/dev/null'];

/** Whether PM2 names a log by it. */
export function isLogKey(key: string): boolean {
  return logKeys.includes(key);
}

/** Who runs the node, and where its output goes; `home` is what PM2's paths are relative to, `folder` the new file's. */
export interface Pm2Launch {
  readonly draft: Pick<NodeDraft, 'user' | 'group' | 'log'>;
  /** The keys that are in it. */
  readonly carried: readonly string[];
}

/** A group or user that is no name and no number is left out, and told like all that is not carried over. */
export function readLaunch(app: Pm2App, home: string, folder: string): Pm2Launch {
  const userKey = ['uid', 'user'].find((key) => isAccount(app[key]));
  const groupKey = isAccount(app['gid']) ? 'gid' : undefined;
  const logKey = logKeys.find((key) => isFile(app[key]));
  const user = userKey === undefined ? undefined : String(app[userKey]);
  return {
    draft: {
      ...(user === undefined ? {} : { user }),
      ...(groupKey === undefined ? {} : { group: String(app[groupKey]) }),
      ...(logKey === undefined ? {} : { log: { file: relativePath(String(app[logKey]), home, folder) } }),
    },
    carried: [userKey, groupKey, logKey].filter((key) => key !== undefined),
  };
}

function isAccount(value: unknown): value is string | number {
  return /^[A-Za-z0-9_][A-Za-z0-9_.-]*\$?$/.test(String(value ?? '')) && typeof value !== 'object';
}

function isFile(value: unknown): boolean {
  return typeof value === 'string' && value !== '' && !nowhere.includes(value);
}

/** Inside the folder as a relative path, so that it can be moved; anything else as it is. */
function relativePath(path: string, home: string, folder: string): string {
  const absolute = resolve(home, path);
  const inside = relative(folder, absolute);
  return inside === '' || inside.startsWith('..') ? absolute : inside;
}
