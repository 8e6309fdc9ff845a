import type {
  Config,
  DeploySpec,
  InterruptedOperation,
  OperationKind,
  OperationSpec,
  PhaseName,
  ResumePhase,
} from '@lameduck/core';
import type { NodeRecord } from './node-record.ts';
import type { HookName, NodeHooks } from './ports/node-hooks.ts';
import type { OperationNote } from './store/operation-log.ts';

/** How an operation that somebody asks for differs from a plain one. */
export interface OperationOptions {
  /** Overrules the guard of availability, and nothing else. */
  readonly force?: boolean | undefined;
  /** Who asks, as others are told. */
  readonly by?: string | undefined;
  /** For a restart that changes the version: which hook runs. */
  readonly hook?: HookName | undefined;
  /** Why, where its hooks should know. */
  readonly reason?: string | undefined;
}

/** Of the time until a leaving node goes in any case, the edges have this share to take it out … */
const removeShare = 1 / 3;
/** … and at least so much: a machine on which several nodes leave and start at once is slow to change its gate. */
const leastRemoveMs = 5_000;

/** How long a node that goes in any case within `waitMs` waits for its turn: none at all where the edges need the whole time. */
export function patienceWithin(waitMs: number): number {
  return Math.max(0, waitMs - Math.max(waitMs * removeShare, leastRemoveMs));
}

/** An operation on one node within the limits of the configuration. */
export function operationSpec(
  kind: OperationKind,
  record: NodeRecord,
  { shutdown, startup }: Config,
): OperationSpec {
  return {
    kind,
    node: record.config.name,
    limits: {
      drainMs: shutdown.drainTimeoutMs,
      graceMs: shutdown.timeoutGracefulShutdownMs,
      marginMs: shutdown.marginMs,
      startupMs: startup.timeoutMs,
    },
  };
}

/** The same as it was asked for. */
export function requestedSpec(
  kind: OperationKind,
  record: NodeRecord,
  config: Config,
  hooks: NodeHooks | undefined,
  { force, hook, reason }: OperationOptions,
): OperationSpec {
  return {
    ...operationSpec(kind, record, config),
    ...(force === true ? { isForced: true } : {}),
    ...(hook === undefined ? {} : deploySpec(hooks, hook)),
    ...(reason === undefined ? {} : { reason }),
  };
}

/** Where the deployment of an operation that is found has run, as far as anybody knows. */
const deployedPhases: readonly PhaseName[] = ['deploy', 'rollBack', 'start', 'health', 'return'];

/** One that another controller began. The deployment was that one's: what is left to do is the way back from it. */
export function resumedSpec(
  note: InterruptedOperation,
  resumeAt: ResumePhase,
  record: NodeRecord,
  config: Config,
  hooks: NodeHooks | undefined,
): OperationSpec {
  const hook = note.hook === 'rollBack' ? 'rollBack' : 'none';
  const isDeployed = note.hook === 'beforeStart' && deployedPhases.includes(note.phase);
  const deploy = {
    hook,
    canRollBack: isDeployed && note.isRolledBack !== true && has(hooks, 'rollBack'),
  } as const;
  return {
    ...operationSpec(note.kind, record, config),
    ...(note.hook === undefined ? {} : { deploy }),
    resumeAt,
  };
}

/** Nothing where the node has no hooks: then it is a plain restart. */
function deploySpec(hooks: NodeHooks | undefined, hook: HookName): { deploy?: DeploySpec } {
  if (hooks === undefined) return {};
  return { deploy: { hook: has(hooks, hook) ? hook : 'none', canRollBack: canRollBack(hooks) } };
}

/** Whether the hooks of a node bring a version and can take it back: without the one there is nothing for the other to do. */
export function canRollBack(hooks: NodeHooks | undefined): boolean {
  return has(hooks, 'beforeStart') && has(hooks, 'rollBack');
}

function has(hooks: NodeHooks | undefined, name: HookName): boolean {
  return hooks?.describe(name) !== undefined;
}

/** Where an operation begins that does not take the node out first. */
const firstPhases: Partial<Record<OperationKind, PhaseName>> = { start: 'start', ready: 'health' };

/** What is noted of an operation before it begins. */
export function operationDraft(
  spec: OperationSpec,
  { process, operation }: NodeRecord,
  beganAt: string,
): Omit<OperationNote, 'id' | 'controller'> {
  const { kind, node } = spec;
  return {
    kind,
    node,
    beganAt,
    phase: firstPhases[kind] ?? 'check',
    ...(spec.patienceMs === undefined ? {} : { cause: 'node' }),
    ...(process === undefined ? {} : { process }),
    ...(operation?.by === undefined ? {} : { by: operation.by }),
    ...(spec.deploy === undefined ? {} : { hook: spec.deploy.hook }),
  };
}
