import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { type Address, LameduckError } from '@lameduck/core';
import type { EdgeMode } from '../../ports/edge.ts';
import type { ProcessIdentity } from '../../ports/node-runner.ts';
import { signalProcess } from '../../processes/kill.ts';
import { poll } from '../../processes/wait.ts';
import { readIfThere } from './atomic-file.ts';
import { inspectDump, refuseUnincluded, type StartOptions } from './attached.ts';
import { readOtherBuild } from './attached-master.ts';
import type { NginxBuild } from './build.ts';
import { createControlClient } from './control-client.ts';
import { changeGate } from './gate-change.ts';
import { withOut, withPause } from './gate-state.ts';
import { callsHold } from './hold.ts';
import { type Installed, install, rejected } from './install.ts';
import { attachedNginx, managedNginx } from './locate.ts';
import { type ManagedStart, prepareFolder, startManaged, stopManaged } from './managed.ts';
import { findMaster, isShuttingDown, listWorkers } from './master.ts';
import { lookAtMaster, notRunning, type Opened } from './opened.ts';
import type { NginxEdgeOptions } from './options.ts';
import { readOwnInclude } from './own-file.ts';
import { describeRefusal, requireSignal } from './permissions.ts';
import { explainRefusal, installFiles, listPlans, type Plan, planFiles, planInclude } from './plan.ts';
import { loadWritten, refuseUpgrade } from './reload-change.ts';
import { type IncludeHeader, type IncludeSpec, parseIncludeHeader } from './render-include.ts';
import { type ResolvedNode, resolveNodes } from './resolve-nodes.ts';
import { type NginxCommand, runNginx } from './run-nginx.ts';
import { placeControlApi } from './socket-path.ts';

/** How long a new configuration may take to answer, if the options do not say. */
export const defaultApplyTimeoutMs = 10_000;
const gateAttempts = 3;

/** What is known before anything is written. */
export interface Ground {
  readonly options: NginxEdgeOptions;
  readonly build: NginxBuild;
  readonly command: NginxCommand;
  /** Attached: how the nginx that runs was started. */
  readonly started: StartOptions;
  readonly nodes: readonly ResolvedNode[];
  readonly previous: IncludeHeader | undefined;
  readonly out: readonly string[];
  readonly socket: string;
}

/** A plan that is written and tested. */
export interface Attempt {
  readonly opened: Opened;
  readonly installed: Installed;
  /** Whether an nginx that answers with this generation has this very configuration. */
  readonly isSame: boolean;
}

/**
 * Brings the edge up: the first plan that `nginx -t` takes is written, then nginx is started, reloaded, or adopted
 * as it runs. On failure nothing runs that did not, and the files are as before; but where nginx does not run they stay, tested:
 * it starts like that, whoever starts it. `onDown` is told of such an edge.
 */
export async function openEdge(
  options: NginxEdgeOptions,
  out: readonly string[],
  socket: string,
  signal: AbortSignal,
  onDown: (opened: Opened) => void = () => undefined,
): Promise<Opened> {
  const ground = await prepare(options, out, socket);
  const { opened, installed, isSame } = await writeFirstPlan(ground);
  const running = lookAtMaster(opened);
  const wasRunning = running !== undefined;
  if (running !== undefined) await warnOfOtherBuild(ground, running);
  try {
    await bringUp(ground, opened, isSame, signal);
    if (opened.plan.mode === 'gate') await gate(opened, out, signal);
    return opened;
  } catch (thrown) {
    const started = wasRunning || options.kind === 'attached' ? undefined : lookAtMaster(opened);
    if (started !== undefined) await stopManaged(started, AbortSignal.abort());
    const code = LameduckError.from(thrown).code;
    const isDown = (code === 'notRunning' || code === 'addressInUse') && lookAtMaster(opened) === undefined;
    if (isDown) onDown(opened);
    else await installed.undo();
    // A HUP that did not answer in time may still come to read the files: let it read those of before.
    if (wasRunning && !isDown && opened.master !== undefined) signalProcess(opened.master, 'SIGHUP');
    throw thrown;
  }
}

/** One late answer, on a machine that is overloaded, is no reason to give up what runs. */
async function gate(opened: Opened, out: readonly string[], signal: AbortSignal): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await changeGate(opened, out, signal);
      return;
    } catch (thrown) {
      if (attempt === gateAttempts || signal.aborted) throw thrown;
    }
  }
}

async function warnOfOtherBuild({ options, build, command }: Ground, master: ProcessIdentity): Promise<void> {
  const running = await readOtherBuild(master, build, command.binary, options.environment);
  if (running === undefined) return;
  options.logger.warn(
    { edge: options.name, running: running.server, onDisk: build.server },
    'nginx runs another version than the program on disk, which tests its configuration: restart or upgrade nginx',
  );
}

/** Asks the program for its build and resolves the nodes; a managed edge has its folder afterwards. */
export async function prepare(
  options: NginxEdgeOptions,
  out: readonly string[],
  socket: string,
): Promise<Ground> {
  // an attached edge has its control socket there
  prepareFolder(options.directory);
  const found = options.kind === 'managed' ? await managedNginx(options) : await attachedNginx(options);
  const include = options.kind === 'managed' ? join(options.directory, 'service.conf') : options.include;
  const former =
    options.kind === 'attached'
      ? await readOwnInclude(include, options.service)
      : await readIfThere(include).catch((thrown: unknown) => {
          throw describeRefusal(thrown, 'read', include);
        });
  return {
    options,
    ...found,
    nodes: await resolveNodes(options.nodes),
    previous: parseIncludeHeader(former?.toString('utf8') ?? ''),
    out,
    socket,
  };
}

/** Writes the first plan that `nginx -t` takes; throws the first refusal where it takes none. */
export async function writeFirstPlan(ground: Ground): Promise<Attempt> {
  const plans = listPlans(ground.options, ground.build);
  const refusals: LameduckError[] = [];
  for (const plan of plans) {
    try {
      const attempt = await writePlan(ground, plan);
      if (attempt !== undefined) return attempt;
    } catch (thrown) {
      if (!(thrown instanceof LameduckError) || thrown.code !== 'edgeRejected') throw thrown;
      ground.options.logger.debug(
        { edge: ground.options.name, plan, reason: thrown.details },
        'plan refused by nginx',
      );
      refusals.push(thrown);
    }
  }
  const { options } = ground;
  if (options.kind === 'attached') {
    refuseUnincluded(options.name, options.conf, options.include);
  }
  const told = refusals.map(({ details }, index) => ({
    mode: plans[index]?.mode,
    line: String(details['line']),
  }));
  const lines = told.map(({ line }) => line);
  throw rejected(options.name, describeRefusals(told) + explainRefusal(options, lines));
}

/** What nginx says of every plan alike is said once. */
function describeRefusals(
  told: readonly { readonly mode: EdgeMode | undefined; readonly line: string }[],
): string {
  const isOne = told.every(({ line }) => line === told[0]?.line);
  const lines = told.map(({ mode, line }) => (isOne ? line : `${mode}: ${line}`));
  return [...new Set(lines)].join('; ');
}

async function writePlan(ground: Ground, plan: Plan): Promise<Attempt> {
  const { options, build, command, previous } = ground;
  const files = planFiles(options, plan, build);
  const blank = planInclude(options, plan, ground.nodes, ground.socket, files);
  const former = previous?.state ?? blank.state;
  const state = withOut(plan.mode === 'gate' ? former : withPause(former, undefined), ground.out);
  const isSame =
    previous?.fingerprint === blank.fingerprint && (plan.mode === 'gate' || state === previous.state);
  const spec: IncludeSpec = {
    ...blank,
    state,
    token: previous?.token ?? randomBytes(16).toString('hex'),
    generation: (previous?.generation ?? 0) + (isSame ? 0 : 1),
  };
  const test = options.kind === 'managed' ? '-t' : '-T';
  const installed = await install(options.name, installFiles(files, spec), () => runNginx(command, [test]));
  try {
    const facts = findFacts(ground, plan, installed);
    // one that is neither root's nor ours is known by its pid file only
    const master = findMaster(facts.pidFile);
    if (master !== undefined) requireSignal(options.name, master);
    const client = createControlClient(options.name, ground.socket, () => spec.token);
    const base = { edge: options.name, plan, build, command, files, client, spec, ...facts };
    return { installed, isSame, opened: { ...base, master: undefined, workers: [], ungated: [] } };
  } catch (thrown) {
    await installed.undo();
    throw thrown;
  }
}

function findFacts(
  { options, build, started }: Ground,
  { mode }: Plan,
  { run }: Installed,
): Pick<Opened, 'pidFile' | 'errorLog' | 'canHold'> {
  const isGate = mode === 'gate';
  if (options.kind === 'attached') {
    const facts = inspectDump(options.name, run.stdout, build, options.conf, options.include, started);
    return { ...facts, canHold: isGate && callsHold(run.stdout, options.service) };
  }
  const inFolder = (file: string): string => join(options.directory, file);
  return { pidFile: inFolder('nginx.pid'), errorLog: inFolder('error.log'), canHold: isGate };
}

async function bringUp(ground: Ground, opened: Opened, isSame: boolean, signal: AbortSignal): Promise<void> {
  const { options } = ground;
  const timeoutMs = options.applyTimeoutMs ?? defaultApplyTimeoutMs;
  const master = lookAtMaster(opened);
  if (master === undefined) {
    if (options.kind === 'attached') throw notRunning(options.name, opened.pidFile);
    const within = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
    await startManaged(options.name, opened.command, managedStart(ground, opened, options.listen), within);
    const isAnswering = async (): Promise<true | undefined> =>
      (await opened.client.marker(within))?.generation === opened.spec.generation || undefined;
    await poll(isAnswering, within, `start edge "${options.name}"`);
    lookAtMaster(opened);
    return;
  }
  const marker = isSame ? await opened.client.marker(signal) : undefined;
  if (marker?.generation === opened.spec.generation) {
    opened.ungated = listWorkers(master).filter(isShuttingDown);
    return;
  }
  refuseUpgrade(opened);
  const { state, old } = await loadWritten(opened, timeoutMs, () => undefined);
  if (state.phase === 'rejected' && state.mayStillLoad) throw silent(options.name, state.reason);
  if (state.phase === 'rejected') throw rejected(options.name, state.reason);
  lookAtMaster(opened);
  opened.ungated = old;
}

function managedStart({ build, socket }: Ground, { pidFile }: Opened, listen: Address): ManagedStart {
  const controlApi = build.hasControlApi ? placeControlApi(socket) : undefined;
  return { pidFile, listen, socket, controlApi };
}

/** It runs, and may be well again later: nothing is wrong with its configuration. */
function silent(edge: string, reason: string): LameduckError {
  const message = `Cannot open edge "${edge}": its nginx must load the configuration: current value is ${reason}`;
  return new LameduckError('edgeUnproven', message, { edge });
}
