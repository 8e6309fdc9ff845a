import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { LameduckError } from '@lameduck/core';
import type { EdgeMode } from '../../ports/edge.ts';
import { isAtLeast, luaModuleFiles, type NginxBuild } from './build.ts';
import { consistentWeightLimit } from './gate-hash-lua.ts';
import type { GateState } from './gate-state.ts';
import type { InstallFiles } from './install.ts';
import { maxOpenFiles, workerUser } from './managed.ts';
import type { NginxEdgeOptions } from './options.ts';
import { type IncludeSpec, renderInclude } from './render-include.ts';
import { renderMain } from './render-main.ts';
import type { ResolvedNode } from './resolve-nodes.ts';

/** One way to run the edge; which one works is found out by `nginx -t`. */
export interface Plan {
  readonly mode: EdgeMode;
  readonly isCounting: boolean;
}

/** How long a request waits where no node may be picked, if the options do not say. */
export const defaultHoldMs = 30_000;

/** The ways to try, best first. Throws `binaryMissing` where a managed nginx lacks what is demanded. */
export function listPlans(options: NginxEdgeOptions, build: NginxBuild): readonly Plan[] {
  const reload: Plan = { mode: 'reload', isCounting: false };
  if (options.sticky !== undefined) requireSticky(options, build);
  if (options.mode === 'reload' || options.sticky !== undefined) return [reload];
  const counting: Plan = { mode: 'gate', isCounting: true };
  const problem = refuseBalance(options);
  if (options.mode === 'auto' && problem !== undefined) return [reload];
  if (problem !== undefined) throw problem;
  const managedGate = luaModuleFiles(build, options.environment) === undefined ? [] : [counting];
  const gates = options.kind === 'attached' ? attachedGates(options, counting) : managedGate;
  if (options.mode === 'auto') return [...gates, reload];
  if (gates.length > 0) return gates;
  const message = `Cannot gate edge "${options.name}": nginx must have the Lua module (Debian: apt-get install libnginx-mod-http-lua; or set LAMEDUCK_NGINX_MODULES): current value is ${build.server} without it`;
  throw new LameduckError('binaryMissing', message, { edge: options.name });
}

// An attached nginx may have http-level hooks of its own, of which nginx allows one each. Then no request's end is known, and
// least_conn has nothing to go by.
function attachedGates({ balance }: NginxEdgeOptions, counting: Plan): readonly Plan[] {
  return balance.type === 'least_conn' ? [counting] : [counting, { ...counting, isCounting: false }];
}

/** What nginx cannot know of why it refused: to be added to its own lines. ngx_lua does not name the directive. */
export function explainRefusal({ balance }: NginxEdgeOptions, lines: readonly string[]): string {
  const isHook = lines.some((line) => /(\[emerg\]|_by_lua\w*" directive) is duplicate in /.test(line));
  if (balance.type !== 'least_conn' || !isHook) return '';
  return ' (with least_conn the gate needs log_by_lua and header_filter_by_lua at http level, to know when a request ends: remove those of your own, or use mode reload or another balance)';
}

/** Why the gate cannot balance by these weights; `undefined` where it can. */
export function refuseBalance({
  name,
  balance,
  nodes,
}: Pick<NginxEdgeOptions, 'name' | 'balance'> & {
  readonly nodes: readonly { readonly weight: number }[];
}): LameduckError | undefined {
  const total = nodes.reduce((sum, { weight }) => sum + weight, 0);
  const isHeavy = balance.type === 'hash' && balance.isConsistent === true && total > consistentWeightLimit;
  if (!isHeavy) return undefined;
  const message = `Cannot gate edge "${name}": with hash KEY consistent the weights of all nodes must sum up to at most ${consistentWeightLimit} (make each smaller by the same factor, or use mode reload): current value is ${total}`;
  return new LameduckError('config', message, { edge: name });
}

// An nginx that was built without it is refused by `nginx -t`, whose own line is shown.
function requireSticky({ name, mode }: NginxEdgeOptions, build: NginxBuild): void {
  const refuse = (wanted: string, got: string): LameduckError => {
    const message = `Cannot keep sessions sticky on edge "${name}": ${wanted}: current value is ${got}`;
    return new LameduckError('binaryMissing', message, { edge: name });
  };
  if (mode === 'gate')
    throw refuse('its mode must be auto or reload, as the gate has no sticky sessions', mode);
  if (!isAtLeast(build, 1, 29, 6)) throw refuse('nginx must be 1.29.6 or later', build.server);
}

/** The files of one edge. */
export interface Files {
  readonly include: string;
  /** Managed only. */
  readonly main: { readonly path: string; readonly text: string } | undefined;
}

/** The files of the edge under this plan. */
export function planFiles(options: NginxEdgeOptions, plan: Plan, build: NginxBuild): Files {
  if (options.kind === 'attached') return { include: options.include, main: undefined };
  const text = renderMain({
    service: options.service,
    listen: options.listen,
    mode: plan.mode,
    build,
    modules: luaModuleFiles(build, options.environment) ?? [],
    luaPath: options.environment.LAMEDUCK_LUA_PATH,
    user: workerUser(options.directory),
    maxOpenFiles: maxOpenFiles(),
    promiseToken: options.promiseToken,
    closeSessionsAfterMs: options.closeSessionsAfterMs,
  });
  return {
    include: join(options.directory, 'service.conf'),
    main: { path: join(options.directory, 'nginx.conf'), text },
  };
}

/** What the include file is to say; generation, token and state are set by the caller. */
export function planInclude(
  options: NginxEdgeOptions,
  plan: Plan,
  nodes: readonly ResolvedNode[],
  socket: string,
  files: Files,
): IncludeSpec {
  const empty: GateState = { epoch: 0, out: new Map() };
  const blank: IncludeSpec = {
    service: options.service,
    mode: plan.mode,
    isCounting: plan.isCounting,
    isCountingTraffic: options.isCountingTraffic !== false,
    ownsServer: options.kind === 'managed',
    tellsSessions: options.closeSessionsAfterMs !== undefined,
    nodes,
    balance: options.balance,
    sticky: options.sticky,
    holdMs: options.holdMs ?? defaultHoldMs,
    socket,
    token: '0',
    generation: 0,
    fingerprint: '0',
    state: empty,
  };
  const hash = createHash('sha256')
    .update(renderInclude(blank))
    .update(files.main?.text ?? '');
  return { ...blank, fingerprint: hash.digest('hex').slice(0, 16) };
}

/** What to write, and what of it must be ours before. */
export function installFiles(files: Files, spec: IncludeSpec): InstallFiles {
  const texts = fileTexts(files, spec);
  if (files.main !== undefined) return { texts };
  return { texts, guarded: { path: files.include, service: spec.service } };
}

/** Every file with its text. */
export function fileTexts(files: Files, spec: IncludeSpec): ReadonlyMap<string, string> {
  const texts = new Map([[files.include, renderInclude(spec)]]);
  if (files.main !== undefined) texts.set(files.main.path, files.main.text);
  return texts;
}
