import { readlinkSync, statSync } from 'node:fs';
import { basename, isAbsolute, join, resolve } from 'node:path';
import type { ProcessIdentity } from '../../ports/node-runner.ts';
import { isTrusted } from '../../processes/find-server.ts';
import { isLiving, listProcesses, readArguments, readName } from '../../processes/identity.ts';
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
  for (const [, name = '', value = ''] of text.matchAll(/ -([pcegl]) ?(.*?)(?= -[pcegltTqsvVh?]|$)/g)) {
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
  return masters.find((master) => {
    const its = confOf(master, build);
    return its !== undefined && realPath(its) === realPath(conf);
  });
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
  if (!isTrusted(master.pid)) return undefined;
  if (isSameFile(running, binary)) return undefined;
  // the kernel opens the program of a process also after its file was replaced
  const build = await readBuild({ binary: running, arguments: [], environment }).catch(() => undefined);
  return build === undefined || build.server === onDisk.server ? undefined : build;
}

/**
 * Whether the options of a master may become ours: a title with a `-g` that loads a module is quickly written, and we may be
 * root. So it must be root's or our own, and its program an nginx by its name, or the one that the user `configured`.
 */
export function isBelieved({ identity, binary }: StartedMaster, configured: string | undefined): boolean {
  if (!isTrusted(identity.pid)) return false;
  if (configured !== undefined && binary === realPath(configured)) return true;
  // one with capabilities does not show its program; its short name is that of the program too, whatever the title
  return /nginx|openresty|angie|tengine/.test(basename(binary ?? readName(identity.pid)));
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
