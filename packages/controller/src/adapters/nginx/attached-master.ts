import { readlinkSync, statSync } from 'node:fs';
import { basename, isAbsolute, join, resolve } from 'node:path';
import type { ProcessIdentity } from '../../ports/node-runner.ts';
import { isLiving, listProcesses, ownerOf, readArguments } from '../../processes/identity.ts';
import { type NginxBuild, readBuild } from './build.ts';
import { realPath } from './config/load.ts';

/** A running nginx master and how it was started. Paths are absolute where it said them. */
export interface StartedMaster {
  readonly identity: ProcessIdentity;
  /** The program that it runs, as it is on disk now; `undefined` where we may not see it. */
  readonly binary: string | undefined;
  /** `-p` */
  readonly prefix: string | undefined;
  /** `-c`, as written: relative to the prefix. */
  readonly conf: string | undefined;
  /** `-e` */
  readonly errorLog: string | undefined;
  /** `-g` */
  readonly globals: string | undefined;
}

const title = 'nginx: master process ';

/** The options in the title of a master, which holds its command line, joined by spaces. */
export function parseTitle(text: string): Readonly<Record<string, string>> {
  const options: Record<string, string> = {};
  // a value may hold spaces (`-g daemon on; master_process on;`): it ends before the next option
  for (const [, name = '', value = ''] of text.matchAll(/ -([pceg]) ?(.*?)(?= -[pcegtTqsvVh?]|$)/g)) {
    options[name] = value.trim();
  }
  return options;
}

/** Every nginx master that sees the same files as we do; one in a container has another nginx.conf of the same name. */
export function listMasters(): readonly StartedMaster[] {
  return listProcesses().flatMap((found) => {
    const [text = ''] = readArguments(found.pid);
    if (!text.startsWith(title) || !isLiving(found) || isElsewhere(found.pid)) return [];
    const { p: prefix, c: conf, e: errorLog, g: globals } = parseTitle(text);
    const folder = readLink(`/proc/${found.pid}/cwd`) ?? '/';
    const identity = { pid: found.pid, startTime: found.startTime };
    const binary = readLink(`/proc/${found.pid}/exe`)?.replace(/ \(deleted\)$/, '');
    const absolute = prefix === undefined ? undefined : resolve(folder, prefix);
    return [{ identity, binary, prefix: absolute, conf, errorLog, globals }];
  });
}

/** The file that a master of this build has read. */
export function confOf(master: StartedMaster, build: NginxBuild | undefined): string | undefined {
  const conf = master.conf ?? build?.confPath;
  if (conf === undefined || isAbsolute(conf)) return conf;
  const prefix = master.prefix ?? build?.prefix;
  return prefix === undefined ? undefined : join(prefix, conf);
}

/** The running master of this configuration file; `build` tells what one without options has read. */
export function findMasterOf(
  masters: readonly StartedMaster[],
  conf: string,
  build: NginxBuild | undefined,
): StartedMaster | undefined {
  const readers = masters.filter((master) => {
    const its = confOf(master, build);
    return its !== undefined && realPath(its) === realPath(conf);
  });
  return readers.find(({ identity }) => isTrusted(identity)) ?? readers[0];
}

/**
 * The build that a master runs where it is not the one on disk; `undefined` where both are the same version, or where we
 * may not look.
 */
export async function readOtherBuild(
  master: ProcessIdentity,
  onDisk: NginxBuild,
  binary: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<NginxBuild | undefined> {
  const running = `/proc/${master.pid}/exe`;
  if (!isTrusted(master)) return undefined;
  if (isSameFile(running, binary)) return undefined;
  // the kernel opens the program of a process also after its file was replaced
  const build = await readBuild({ binary: running, arguments: [], environment }).catch(() => undefined);
  return build === undefined || build.server === onDisk.server ? undefined : build;
}

/**
 * Whether what a process says of itself may decide what we run: anybody can write a title with a `-g` that loads a module, and
 * we may be root. Only root's processes and our own are believed.
 */
export function isTrusted({ pid }: ProcessIdentity): boolean {
  const owner = ownerOf(pid);
  return owner !== undefined && (owner === 0 || owner === process.geteuid?.());
}

/** Whether the program of a process is an nginx: what lies behind the link is not always called so. */
export function isNginxName(binary: string | undefined): binary is string {
  return binary !== undefined && /nginx|openresty|angie|tengine/.test(basename(binary));
}

function isSameFile(one: string, other: string): boolean {
  try {
    const [first, second] = [statSync(one), statSync(other)];
    return first.ino === second.ino && first.dev === second.dev;
  } catch {
    return false;
  }
}

function isElsewhere(pid: number): boolean {
  const its = readLink(`/proc/${pid}/ns/mnt`);
  return its !== undefined && its !== readLink('/proc/self/ns/mnt');
}

function readLink(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
