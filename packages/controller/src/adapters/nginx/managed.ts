import { lstatSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Address, formatAddress, LameduckError } from '@lameduck/core';
import { makeFolder } from '../../make-folder.ts';
import type { ProcessIdentity } from '../../ports/node-runner.ts';
import { findLiving, listProcesses, readName } from '../../processes/identity.ts';
import { signalProcess } from '../../processes/kill.ts';
import { findListeners, holdsListener } from '../../processes/listeners.ts';
import { poll } from '../../processes/wait.ts';
import { rejected } from './install.ts';
import { findMaster, listWorkers } from './master.ts';
import { type NginxCommand, refusalLine, runNginx } from './run-nginx.ts';

const killWaitMs = 5_000;
const forcedStopMs = 2_000;

/** Makes the folder of a managed nginx. */
export function prepareFolder(directory: string): void {
  makeFolder(join(directory, 'temp'), 0o700);
}

/** `name group` of the folder's owner, as the workers of a root master should be; `undefined` where we are not root. */
export function workerUser(directory: string): { readonly name: string; readonly group: string } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const { uid, gid } = statSync(directory);
  const name = nameOf('/etc/passwd', uid);
  const group = nameOf('/etc/group', gid);
  return name === undefined || group === undefined ? undefined : { name, group };
}

function nameOf(file: string, id: number): string | undefined {
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines.map((line) => line.split(':')).find((fields) => fields[2] === String(id))?.[0];
}

/** The most files that a worker may open, within what we may give it. */
export function maxOpenFiles(): number {
  const limits = readFileSync('/proc/self/limits', 'latin1');
  const hard = /^Max open files\s+\d+\s+(\S+)/m.exec(limits)?.[1];
  return Math.min(hard === undefined || hard === 'unlimited' ? 65_536 : Number(hard), 65_536);
}

/** What a managed nginx binds, and where it says that it has. */
export interface ManagedStart {
  readonly pidFile: string;
  readonly listen: Address;
  /** Of our control server, as its configuration says. */
  readonly socket: string;
  /** Of its own Control API; `undefined` where the build has none. */
  readonly controlApi: string | undefined;
}

/** Starts a managed nginx, detached; resolves when its sockets are bound. Throws `addressInUse`, `edgeRejected`. */
export async function startManaged(
  edge: string,
  command: NginxCommand,
  { pidFile, listen, socket, controlApi }: ManagedStart,
  signal: AbortSignal,
): Promise<ProcessIdentity> {
  await refuseUsedAddress(edge, listen);
  const paths = [socket, controlApi, listen.kind === 'unix' ? listen.path : undefined];
  for (const path of paths) if (path !== undefined) dropSocketFile(path);
  const run = await runNginx(command, controlApi === undefined ? [] : ['-l', `unix:${controlApi}`]);
  if (!run.isOk && /Address already in use/.test(run.stderr)) {
    await refuseUsedAddress(edge, listen);
    throw inUse(edge, listen, undefined);
  }
  if (!run.isOk) throw rejected(edge, refusalLine(run.stderr));
  return await poll(() => findMaster(pidFile), signal, `start edge "${edge}"`);
}

/** Throws `addressInUse` with its holder where something listens there. */
export async function refuseUsedAddress(edge: string, listen: Address): Promise<void> {
  const listeners = await findListeners(listen);
  if (listeners.length === 0) return;
  throw inUse(edge, listen, listProcesses().find(({ pid }) => holdsListener(pid, listeners))?.pid);
}

function inUse(edge: string, listen: Address, pid: number | undefined): LameduckError {
  const address = formatAddress(listen);
  const holder = pid === undefined ? 'held by another process' : `held by process ${pid} (${readName(pid)})`;
  const message = `Cannot start edge "${edge}": ${address} must be free: current value is ${holder}`;
  return new LameduckError('addressInUse', message, { edge, address, ...(pid === undefined ? {} : { pid }) });
}

/** Removes a socket file that a killed nginx left behind; nothing else. */
export function dropSocketFile(path: string): void {
  try {
    if (lstatSync(path).isSocket()) rmSync(path, { force: true });
  } catch {
    // there is none
  }
}

/** Stops gracefully; by force once the signal aborts. Resolves when master and workers are gone. */
export async function stopManaged(master: ProcessIdentity, signal: AbortSignal): Promise<void> {
  const processes = [master, ...listWorkers(master)];
  const hasEnded = (): true | undefined =>
    processes.every((one) => findLiving(one) === undefined) || undefined;
  const wait = async (until: AbortSignal): Promise<boolean> =>
    await poll(hasEnded, until, 'stop nginx').catch(() => false);
  signalProcess(master, 'SIGQUIT');
  if (await wait(signal)) return;
  signalProcess(master, 'SIGTERM');
  if (await wait(AbortSignal.timeout(forcedStopMs))) return;
  for (const one of processes) signalProcess(one, 'SIGKILL');
  if (await wait(AbortSignal.timeout(killWaitMs))) return;
  const message = `Cannot stop nginx "${master.pid}": SIGKILL must end it: current value is still alive`;
  throw new LameduckError('deadlinePassed', message, { pid: master.pid });
}
