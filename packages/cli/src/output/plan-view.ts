import {
  exitCodes,
  formatMs,
  formatShare,
  type OperationPlan,
  overruledExitCode,
  type PhaseName,
  type PlannedStep,
} from '@lameduck/core';
import type { Screen } from './screen.ts';

const words: Readonly<Record<PhaseName, string>> = {
  check: 'check',
  remove: 'out of rotation',
  drain: 'requests in flight end',
  terminate: 'SIGTERM',
  wait: 'process ends, else SIGKILL',
  kill: 'SIGKILL',
  deploy: 'beforeStart',
  rollBack: 'rollBack',
  start: 'start',
  health: 'healthy',
  return: 'into rotation',
};

/** Prints what would happen; the exit code is that of the refusal, where there would be one. */
export function showPlan(plan: OperationPlan, screen: Screen): void {
  if (screen.isJson) screen.json(plan);
  else screen.print(formatPlan(plan, screen));
  if (plan.refused !== undefined) process.exitCode = exitCodes.refused;
  else if (plan.overruled !== undefined) process.exitCode = overruledExitCode;
}

/** The plan as a person reads it: who leaves when, what stays, deadlines, hooks, and the files of nginx. */
export function formatPlan(plan: OperationPlan, screen: Screen): string {
  const { steps, soak, skipped, refused, overruled } = plan;
  const lastCanary = steps.findLastIndex(({ isCanary }) => isCanary);
  const lines = steps.flatMap((step, index) => [
    ...formatStep(step, index, plan, screen),
    ...(soak !== undefined && index === lastCanary ? [`   then soak ${formatSoak(soak)}`] : []),
  ]);
  return [
    `${screen.paint('bold', plan.operation)}  dry run: nothing is touched`,
    '',
    ...lines,
    '',
    ...(skipped.length === 0 ? [] : [`left alone: ${skipped.join(', ')}`]),
    `at most ${formatMs(plan.atMostMs)}, if every deadline is used up`,
    ...(refused === undefined ? [] : [screen.paint('red', `would be refused: ${refused}`)]),
    ...(overruled === undefined ? [] : [screen.paint('yellow', `would overrule the guard: ${overruled}`)]),
    ...formatFiles(steps, screen),
  ].join('\n');
}

/** How a step goes is told where it goes otherwise than the one before it. */
function formatStep(
  step: PlannedStep,
  index: number,
  { operation, steps }: OperationPlan,
  screen: Screen,
): readonly string[] {
  const { nodes, isCanary, stays } = step;
  const isLeaving = operation !== 'start' && operation !== 'ready';
  const serving = stays.length === 0 ? screen.paint('red', 'no node') : stays.join(', ');
  const stay = isLeaving ? `   ${serving} stay${stays.length < 2 ? 's' : ''} in rotation` : '';
  const way = wayOf(step);
  const before = steps[index - 1];
  const isNews = before === undefined || wayOf(before).join() !== way.join();
  return [
    `${index + 1}. ${isCanary ? 'canary ' : ''}${screen.paint('bold', nodes.join(', '))}${stay}`,
    ...(isNews ? way.map((line) => `   ${line}`) : []),
  ];
}

function wayOf({ phases, hooks, nodes }: PlannedStep): readonly string[] {
  const steps = phases.map(({ name, atMostMs }) =>
    atMostMs === undefined ? words[name] : `${words[name]} ≤ ${formatMs(atMostMs)}`,
  );
  const commands = hooks.flatMap(({ node, beforeStart, rollBack }) => [
    ...(beforeStart === undefined ? [] : [{ node, line: `beforeStart: ${beforeStart}` }]),
    ...(rollBack === undefined ? [] : [{ node, line: `rollBack, where it fails: ${rollBack}` }]),
  ]);
  const lines = [...new Set(commands.map(({ line }) => line))].map((line) => {
    const whose = commands.filter((command) => command.line === line).map(({ node }) => node);
    return whose.length === nodes.length ? line : `${whose.join(', ')}: ${line}`;
  });
  return [steps.join(' → '), ...lines];
}

function formatSoak({ ms, success }: NonNullable<OperationPlan['soak']>): string {
  const { maxErrorRate, maxP99Ratio, minRequests } = success;
  return `${formatMs(ms)}: healthy, errors ≤ ${formatShare(maxErrorRate)}, p99 ≤ ${maxP99Ratio} × that of the others, requests ≥ ${minRequests}`;
}

/** Every batch changes the same lines: those of the first are shown, all are in `--json`. */
function formatFiles([first, ...others]: readonly PlannedStep[], screen: Screen): readonly string[] {
  if (first === undefined || first.files.length === 0) return [];
  const more = others.length === 0 ? '' : ' (the others alike, see --json)';
  return [
    '',
    `nginx files for ${first.nodes.join(', ')}${more}:`,
    ...first.files.flatMap(({ edge, path, diff }) => [
      screen.paint('bold', `--- ${edge} ${path}`),
      ...diff.split('\n').map((line) => paintDiff(line, screen)),
    ]),
  ];
}

function paintDiff(line: string, screen: Screen): string {
  const mark = line[0] ?? '';
  const colours = { '+': 'green', '-': 'red', '@': 'cyan' } as const;
  return mark in colours ? screen.paint(colours[mark as keyof typeof colours], line) : line;
}
