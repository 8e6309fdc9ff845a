import { LameduckError } from '@lameduck/core';
import type { NodeRunner, ProcessIdentity } from '../../ports/node-runner.ts';
import { findLiving, identityKey, isLiving, isSame, readProcess } from '../../processes/identity.ts';
import type { RunnerLogger } from '../../processes/node-process.ts';
import { abortReason, poll, processEnded } from '../../processes/wait.ts';
import { childrenOf } from '../../processes/workers.ts';
import { readControlGroup } from './control-group.ts';
import { journalOf, showUnit, systemctl, type UnitPlace } from './systemctl.ts';
import { hasEnded, isEnding, mainPid, type Unit } from './unit.ts';

export interface SystemdRunnerOptions extends UnitPlace {
  readonly logger: RunnerLogger;
}

/** Each look is a run of systemctl. */
const lookMs = 100;
/** Only a process inside an uninterruptible system call outlives SIGKILL for long. */
const killDeadlineMs = 10_000;

/** Runs a node that is a service unit: systemd starts and stops it, and knows all of its processes. */
export function createSystemdRunner(options: SystemdRunnerOptions): NodeRunner {
  const asked = new Set<string>();
  return {
    find: async () => findMain(await showUnit(options)),
    async check() {
      const unit = await showUnit(options);
      refuseUnloaded(options, unit);
      return [
        options.systemctl ?? 'systemctl',
        ...(options.isUserUnit ? ['--user'] : []),
        'start',
        options.unit,
      ];
    },
    async start(signal) {
      const before = await showUnit(options);
      refuseUnloaded(options, before);
      const running = isEnding(before) ? undefined : findMain(before);
      return running ?? (await startUnit(options, before, signal));
    },
    async died(node, signal) {
      await processEnded(node, signal);
      if (asked.has(identityKey(node))) return await untilAborted(signal);
      const unit = await showUnit(options);
      return (await journalOf(options, unit)).join('\n');
    },
    async terminate(node) {
      if (findLiving(node) === undefined) return;
      asked.add(identityKey(node));
      const unit = await showUnit(options);
      // Somebody else's stop or restart is under way: a stop of ours would replace a restart, and the node waits for
      // this very signal.
      if (unit.ActiveState === 'deactivating')
        await systemctl(options, 'kill', '--kill-who=main', '--signal=SIGTERM', '--', options.unit);
      else await systemctl(options, 'stop', '--no-block', '--', options.unit);
    },
    async exited(node, signal) {
      const hasGone = async (): Promise<true | undefined> => {
        if (findLiving(node) !== undefined) return undefined;
        return isGone(await showUnit(options), node) || undefined;
      };
      await poll(hasGone, signal, `wait for the end of unit "${options.unit}"`, lookMs);
    },
    async kill(node) {
      asked.add(identityKey(node));
      return await killUnit(options, node);
    },
    workers: async (node) => childrenOf(node, () => 'running'),
  };
}

function findMain(unit: Unit): ProcessIdentity | undefined {
  const pid = mainPid(unit);
  const found = pid > 1 ? readProcess(pid) : undefined;
  if (found === undefined || !isLiving(found)) return undefined;
  return { pid: found.pid, startTime: found.startTime };
}

/** Ended, or started anew by somebody: systemd starts nothing before it has done with what was. */
function isGone(unit: Unit, node: ProcessIdentity): boolean {
  const main = findMain(unit);
  if (main !== undefined) return !isSame(main, node);
  return hasEnded(unit) || unit.ActiveState === 'activating';
}

function refuseUnloaded({ node, unit }: SystemdRunnerOptions, { LoadState }: Unit): void {
  if (LoadState === 'loaded') return;
  const message = `Cannot start "${node}": unit ${unit} must be loaded by systemd: current value is ${LoadState || 'unknown'}`;
  throw new LameduckError('startFailed', message, { node, unit, loadState: LoadState });
}

async function startUnit(
  options: SystemdRunnerOptions,
  before: Unit,
  signal: AbortSignal,
): Promise<ProcessIdentity> {
  const { node, unit, logger } = options;
  // Starts that an operator asks for, one after the other in a rollout, are no crash loop.
  await systemctl(options, 'reset-failed', '--', unit).catch(() => undefined);
  await systemctl(options, 'start', '--no-block', '--', unit);
  const look = async (): Promise<ProcessIdentity | undefined> => {
    const now = await showUnit(options);
    const hasBegun = now.InvocationID !== before.InvocationID;
    if (now.ActiveState === 'failed' || (hasEnded(now) && hasBegun)) throw await startFailed(options, now);
    return isEnding(now) ? undefined : findMain(now);
  };
  try {
    const main = await poll(look, signal, `start unit "${unit}"`, lookMs);
    logger.info({ node, unit, pid: main.pid }, 'unit started');
    return main;
  } catch (thrown) {
    if (signal.aborted) await systemctl(options, 'stop', '--no-block', '--', unit).catch(() => undefined);
    throw thrown;
  }
}

async function startFailed(options: SystemdRunnerOptions, unit: Unit): Promise<LameduckError> {
  const { node, unit: name } = options;
  const log = await journalOf(options, unit);
  const lines = log.length === 0 ? '' : `:\n${log.join('\n')}`;
  const got = `${unit.Result} (status ${unit.ExecMainStatus}, restarts ${unit.NRestarts})`;
  const message = `Cannot start "${node}": unit ${name} must keep running: current value is ${got}${lines}`;
  return new LameduckError('startFailed', message, { node, unit: name, result: unit.Result, log });
}

/** The whole control group, after a stop that keeps `Restart=` from starting it again. */
async function killUnit(options: SystemdRunnerOptions, node: ProcessIdentity): Promise<readonly number[]> {
  const unit = await showUnit(options);
  const pids = new Set([...readControlGroup(unit.ControlGroup), ...(findLiving(node) ? [node.pid] : [])]);
  if (!isEnding(unit)) await systemctl(options, 'stop', '--no-block', '--', options.unit);
  // nothing is left to kill where it fails
  await systemctl(options, 'kill', '--signal=SIGKILL', '--', options.unit).catch(() => undefined);
  const deadline = AbortSignal.timeout(killDeadlineMs);
  const hasGone = async (): Promise<true | undefined> => {
    if (findLiving(node) !== undefined) return undefined;
    return isGone(await showUnit(options), node) || undefined;
  };
  await poll(hasGone, deadline, `kill unit "${options.unit}"`, lookMs);
  return [...pids];
}

async function untilAborted(signal: AbortSignal): Promise<never> {
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
  throw abortReason(signal, 'wait for the end of the node');
}
