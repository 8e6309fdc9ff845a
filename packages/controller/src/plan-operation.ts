import {
  type Config,
  diffText,
  type OperationKind,
  type OperationPlan,
  type PlanLimits,
  type PlannedStep,
  planPhases,
} from '@lameduck/core';
import { askGuard, withHolders } from './guard.ts';
import type { NodeRecord } from './node-record.ts';
import { operationLimits } from './operation-limits.ts';
import type { Clock } from './ports/clock.ts';
import type { Edge } from './ports/edge.ts';
import type { NodeHooks } from './ports/node-hooks.ts';
import { refuseBusy, refuseImpossible } from './refusals.ts';
import type { DraftedRollout } from './rollouts.ts';

export interface PlanParts {
  readonly config: Config;
  readonly records: readonly NodeRecord[];
  readonly edges: readonly Edge[];
  readonly hooks: ReadonlyMap<string, NodeHooks>;
  readonly clock: Clock;
}

const leaving: readonly OperationKind[] = ['drain', 'stop', 'restart'];

/** What an operation on one node would do now. Throws what the operation would throw: `busy`, `notRunning`, `usage`. */
export async function planOperation(
  parts: PlanParts,
  kind: OperationKind,
  record: NodeRecord,
  isForced: boolean,
): Promise<OperationPlan> {
  const { config, records, clock } = parts;
  refuseBusy(record, kind, clock);
  refuseImpossible(record, kind);
  const nodes = [record.config.name];
  const verdict = leaving.includes(kind) ? askGuard(config, records, nodes) : ({ allowed: true } as const);
  const told = withHolders(verdict, records, nodes, clock);
  // hooks bring versions, which only a rollout does
  const step = await planStep({ ...parts, hooks: new Map() }, kind, nodes, false);
  return {
    dryRun: true,
    operation: kind,
    steps: [step],
    skipped: [],
    ...(told.allowed ? {} : isForced ? { overruled: told.reason } : { refused: told.reason }),
    atMostMs: longest(step),
  };
}

/** What a rollout would do now, batch by batch. */
export async function planRollout(
  parts: PlanParts,
  { plan, skipped, unasked, refused }: DraftedRollout,
): Promise<OperationPlan> {
  const first = batches(plan.nodes.slice(0, plan.canary), plan.batch);
  const rest = batches(plan.nodes.slice(plan.canary), plan.batch);
  const steps = [
    ...(await Promise.all(first.map((nodes) => planStep(parts, 'restart', nodes, true)))),
    ...(await Promise.all(rest.map((nodes) => planStep(parts, 'restart', nodes, false)))),
  ];
  return {
    dryRun: true,
    operation: 'rollout',
    steps,
    skipped: [...skipped, ...unasked],
    ...(refused === undefined ? {} : { refused }),
    ...(plan.soakMs === 0 ? {} : { soak: { ms: plan.soakMs, success: plan.success } }),
    atMostMs: steps.reduce((sum, step) => sum + longest(step), plan.soakMs),
  };
}

function batches(nodes: readonly string[], size: number): readonly (readonly string[])[] {
  const count = Math.ceil(nodes.length / size);
  return Array.from({ length: count }, (_, index) => nodes.slice(index * size, (index + 1) * size));
}

async function planStep(
  parts: PlanParts,
  kind: OperationKind,
  nodes: readonly string[],
  isCanary: boolean,
): Promise<PlannedStep> {
  const { records } = parts;
  const isMeant = ({ config }: NodeRecord): boolean => nodes.includes(config.name);
  const meant = records.filter(isMeant);
  const serving = records.filter((record) => record.out.size === 0 && !isMeant(record));
  const hooks = kind === 'restart' ? nodes.flatMap((node) => hooksOf(parts, node)) : [];
  return {
    nodes,
    isCanary,
    stays: serving.map(({ config }) => config.name),
    phases: meant[0] === undefined ? [] : planPhases(kind, limitsOf(parts, kind, meant[0])),
    hooks,
    files: (await Promise.all(parts.edges.map((edge) => previewEdge(edge, kind, nodes)))).flat(),
  };
}

function limitsOf({ config, hooks, edges }: PlanParts, kind: OperationKind, record: NodeRecord): PlanLimits {
  const own = hooks.get(record.config.name);
  const hasHook = kind === 'restart' && own?.describe('beforeStart') !== undefined;
  return {
    ...operationLimits(kind, record, config, edges),
    ...(hasHook ? { hookMs: own.timeoutMs } : {}),
  };
}

function hooksOf({ hooks }: PlanParts, node: string): PlannedStep['hooks'] {
  const own = hooks.get(node);
  const beforeStart = own?.describe('beforeStart');
  const rollBack = own?.describe('rollBack');
  if (beforeStart === undefined && rollBack === undefined) return [];
  return [
    {
      node,
      ...(beforeStart === undefined ? {} : { beforeStart }),
      ...(rollBack === undefined ? {} : { rollBack }),
    },
  ];
}

async function previewEdge(
  edge: Edge,
  kind: OperationKind,
  nodes: readonly string[],
): Promise<PlannedStep['files']> {
  const files = (await edge.preview?.(nodes, leaving.includes(kind))) ?? [];
  return files.flatMap(({ path, before, after }) => {
    const diff = diffText(before, after);
    return diff === '' ? [] : [{ edge: edge.name, path, diff }];
  });
}

function longest({ phases }: PlannedStep): number {
  return phases.reduce((sum, { atMostMs = 0 }) => sum + atMostMs, 0);
}
