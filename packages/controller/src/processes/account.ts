import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { LameduckError } from '@lameduck/core';

/** Who runs the processes of a node. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
  /** Missing for a number that no user has. */
  readonly name?: string;
  readonly home?: string;
}

const run = promisify(execFile);
const lookUpMs = 10_000;
/** getent: the key could not be found. */
const notFound = 2;

/**
 * The user and group of a node; `undefined` where it runs as whoever we are. Throws `startFailed` for names that are
 * not known here, and where we may not take another user.
 */
export async function findAccount(
  node: string,
  wanted: { readonly user?: string | undefined; readonly group?: string | undefined },
): Promise<Account | undefined> {
  if (wanted.user === undefined && wanted.group === undefined) return undefined;
  const us = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };
  const user = wanted.user === undefined ? us : await findUser(node, wanted.user);
  const gid = wanted.group === undefined ? user.gid : await findGroup(node, wanted.group);
  const account = { ...user, gid };
  if (account.uid === us.uid && account.gid === us.gid) return undefined;
  if (us.uid === 0) return account;
  const message = `Cannot start "${node}": user root is needed to run as ${describe(wanted)}: current value is uid ${us.uid}`;
  throw new LameduckError('startFailed', message, { node, ...wanted });
}

function describe({
  user,
  group,
}: {
  readonly user?: string | undefined;
  readonly group?: string | undefined;
}): string {
  return [user === undefined ? [] : `user ${user}`, group === undefined ? [] : `group ${group}`]
    .flat()
    .join(', ');
}

async function findUser(node: string, user: string): Promise<Account> {
  const fields = await entry('passwd', user);
  const [name = '', , uid = '', gid = '', , home = ''] = fields ?? [];
  if (fields !== undefined) return { uid: Number(uid), gid: Number(gid), name, home };
  if (/^\d+$/.test(user)) return { uid: Number(user), gid: Number(user) };
  throw unknown(node, 'user', user);
}

async function findGroup(node: string, group: string): Promise<number> {
  const [, , gid] = (await entry('group', group)) ?? [];
  if (gid !== undefined) return Number(gid);
  if (/^\d+$/.test(group)) return Number(group);
  throw unknown(node, 'group', group);
}

/** As every program of this machine sees it, whatever its users are kept in. */
async function entry(database: 'passwd' | 'group', key: string): Promise<readonly string[] | undefined> {
  try {
    const { stdout } = await run('getent', [database, key], { timeout: lookUpMs });
    return stdout.trim().split(':');
  } catch (thrown) {
    if ((thrown as { code?: unknown }).code === notFound) return undefined;
    throw new LameduckError(
      'startFailed',
      `Cannot look up ${database} "${key}": getent is wanted: ${(thrown as Error).message}`,
      {},
      thrown,
    );
  }
}

function unknown(node: string, what: string, name: string): LameduckError {
  const message = `Cannot start "${node}": ${what} "${name}" must exist on this machine: current value is unknown`;
  return new LameduckError('startFailed', message, { node, [what]: name });
}
