import { chownSync, existsSync, lstatSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseEnv } from 'node:util';
import { LameduckError } from '@lameduck/core';
import { makeFolder } from '../make-folder.ts';
import { type Account, findAccount } from './account.ts';
import { ownerOf } from './identity.ts';
import type { NodeProcessOptions } from './node-process.ts';

/** How the processes of a node are started, beside their command. Paths are absolute. */
export interface LaunchOptions {
  /** Wins over the files. */
  readonly env?: Readonly<Record<string, string>>;
  /** Read at each start. */
  readonly envFiles?: readonly string[];
  readonly user?: string | undefined;
  readonly group?: string | undefined;
  readonly umask?: number | undefined;
  readonly nice?: number | undefined;
  /** Default: `node.log` in the state directory. */
  readonly logFile?: string | undefined;
}

/** What a start needs of it, looked up. */
export interface PreparedLaunch {
  /** Words before the command; each becomes the next one, so that pid and start time stay. */
  readonly prefix: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly umask: number | undefined;
}

type Launched = Pick<NodeProcessOptions, 'node' | 'stateDirectory' | 'launch'>;

/** Looks up users and reads files. Throws `startFailed`. */
export async function prepareLaunch({ node, launch = {} }: Launched): Promise<PreparedLaunch> {
  const { envFiles = [], env = {}, umask, nice } = launch;
  const account = await findAccount(node, launch);
  if (nice !== undefined && nice < 0 && process.geteuid?.() !== 0) throw needsRootForNice(node, nice);
  const files = envFiles.map((file) => readEnvironment(node, file));
  return {
    prefix: [
      ...(nice === undefined ? [] : [program('nice'), '-n', String(nice)]),
      ...(account === undefined ? [] : asAccount(account)),
    ],
    environment: Object.assign({}, account && accountVariables(account), ...files, env),
    umask,
  };
}

/** Where the output of a node goes. */
export function logFileOf({ stateDirectory, launch }: Omit<Launched, 'node'>): string {
  return launch?.logFile ?? join(stateDirectory, 'node.log');
}

/**
 * Where the processes of a node keep pid file and sockets. A node of another user has a folder of its own: in the
 * state directory it could make us believe anything.
 */
export function runFolderOf({ stateDirectory, launch }: Omit<Launched, 'node'>): string {
  const isOthers = launch?.user !== undefined || launch?.group !== undefined;
  return isOthers ? join(stateDirectory, 'run') : stateDirectory;
}

/** Makes a folder in which the node's processes may write. Throws as `requireRunFolder`, and `config` where there can be none. */
export async function prepareRunFolder(options: Launched, folder: string): Promise<void> {
  makeFolder(dirname(folder));
  makeFolder(folder, 0o700);
  const account = await requireRunFolder(options, folder);
  if (account !== undefined) chownSync(folder, account.uid, account.gid);
}

/** Looks at such a folder, which need not be there yet; gives whose it is to be. Throws `startFailed` where it is somebody else's. */
export async function requireRunFolder(options: Launched, folder: string): Promise<Account | undefined> {
  const account = await findAccount(options.node, options.launch ?? {});
  const found = lstatSync(folder, { throwIfNoEntry: false });
  if (found === undefined) return account;
  const us = process.geteuid?.() ?? 0;
  if (found.isDirectory() && (found.uid === us || found.uid === account?.uid)) return account;
  const message = `Cannot start "${options.node}": folder ${folder} must belong to us or to the node's user: current owner is uid ${found.uid}`;
  throw new LameduckError('startFailed', message, { node: options.node, folder });
}

/** Throws `config` where the node's directory is none. */
export function requireDirectory({ node, directory }: Pick<NodeProcessOptions, 'node' | 'directory'>): void {
  const found = statSync(directory, { throwIfNoEntry: false });
  if (found?.isDirectory() === true) return;
  const got = found === undefined ? 'missing' : 'no folder';
  const message = `Cannot start "${node}": directory ${directory} must be a folder that is there: current value is ${got}`;
  throw new LameduckError('config', message, { node, directory });
}

/** Whether a process can be the node's: what a user writes into his own pid file names his own processes only. */
export async function mayBelong({ node, launch = {} }: Launched, pid: number): Promise<boolean> {
  const account = await findAccount(node, launch);
  return account === undefined || ownerOf(pid) === account.uid;
}

function asAccount({ uid, gid, name }: Account): readonly string[] {
  const groups = name === undefined ? '--clear-groups' : '--init-groups';
  return [program('setpriv'), `--reuid=${uid}`, `--regid=${gid}`, groups, '--'];
}

function accountVariables({ name, home }: Account): Readonly<Record<string, string>> {
  return name === undefined ? {} : { USER: name, LOGNAME: name, HOME: home ?? '/' };
}

/** Not by the PATH of the node: that may be any. */
function program(name: string): string {
  return [`/usr/bin/${name}`, `/bin/${name}`].find((file) => existsSync(file)) ?? name;
}

function readEnvironment(node: string, file: string): Readonly<Record<string, string | undefined>> {
  try {
    return parseEnv(readFileSync(file, 'utf8'));
  } catch (thrown) {
    const got = (thrown as NodeJS.ErrnoException).code ?? (thrown as Error).message;
    const message = `Cannot start "${node}": envFile ${file} must be a readable file of NAME=value lines: current value is ${got}`;
    throw new LameduckError('startFailed', message, { node, file }, thrown);
  }
}

function needsRootForNice(node: string, nice: number): LameduckError {
  const message = `Cannot start "${node}": user root is needed for nice ${nice}: current value is uid ${process.geteuid?.()}`;
  return new LameduckError('startFailed', message, { node, nice });
}
