import {
  type CanaryReport,
  formatMs,
  hasCut,
  type OperationReport,
  type RolloutReport,
} from '@lameduck/core';
import { counted } from './counted.ts';
import { formatCriteria } from './criteria-view.ts';
import type { Screen } from './screen.ts';

const outcomes: Readonly<Record<OperationReport['result'], string>> = {
  exited: 'ended by itself',
  killed: 'had to be killed',
  refused: 'was refused',
  failed: 'failed',
  drained: 'is out of rotation, still running',
  ready: 'is in rotation',
  started: 'is in rotation',
};

/** The end of an operation in one or two lines. */
export function formatReport(report: OperationReport | RolloutReport, screen: Screen): string {
  return report.operation === 'rollout' ? formatRollout(report, screen) : formatOperation(report, screen);
}

function formatOperation(report: OperationReport, screen: Screen): string {
  const hasEnded = report.result !== 'failed' && report.result !== 'refused';
  const isGood = hasEnded && !hasCut(report);
  const mark = isGood ? screen.paint('green', '✔') : screen.paint('red', '✖');
  const returned = report.operation === 'restart' && hasEnded ? ', is back in rotation' : '';
  const head = `${mark} ${report.operation} ${report.node}: ${outcomes[report.result]}${returned} (${formatMs(report.ms)})`;
  return [
    head,
    ...requestLine(report),
    ...killedLine(report),
    ...unprovenLine(report),
    ...(report.overruled === undefined ? [] : [screen.paint('yellow', `  overruled: ${report.overruled}`)]),
    ...reasonLine(report.reason),
    ...deploymentLine(report),
  ].join('\n');
}

function requestLine(report: OperationReport): readonly string[] {
  if (report.operation === 'start' || report.operation === 'ready' || report.result === 'refused') return [];
  const sessions =
    report.sessions === undefined ? '' : `, told ${counted(report.sessions, 'session')} to leave`;
  return [`  in flight ${report.inFlight}, answered ${report.answered}, lost ${report.lost}${sessions}`];
}

function killedLine(report: OperationReport): readonly string[] {
  return report.killed.length === 0 ? [] : [`  killed: pid ${report.killed.join(', ')}`];
}

function unprovenLine({ unproven = [] }: OperationReport): readonly string[] {
  return unproven.length === 0 ? [] : [`  down, will follow: ${unproven.join(', ')}`];
}

function deploymentLine({ rolledBack, isBack, result }: OperationReport): readonly string[] {
  if (rolledBack === undefined) return [];
  const version = rolledBack
    ? 'rolled back to the version before'
    : 'not rolled back: it has the version that is there';
  if (result !== 'failed') return [`  ${version}`];
  return [`  ${version}, ${isBack === true ? 'and serves again' : 'and does not serve'}`];
}

function reasonLine(reason: string | undefined): readonly string[] {
  return reason === undefined ? [] : reason.split('\n').map((line) => `  ${line}`);
}

function formatRollout(report: RolloutReport, screen: Screen): string {
  const mark = report.result === 'done' ? screen.paint('green', '✔') : screen.paint('red', '✖');
  const lost = report.nodes.reduce((sum, node) => sum + node.lost, 0);
  const head = `${mark} rollout ${report.result}: ${counted(report.nodes.length, 'node')} in ${formatMs(report.ms)}, lost ${lost}`;
  const canary = report.canary === undefined ? [] : canaryLines(report.canary, screen);
  const reason = report.code === 'canaryFailed' || report.code === 'aborted' ? reasonLine(report.reason) : [];
  const { skipped = [] } = report;
  const others = report.untouched.filter((node) => !skipped.includes(node));
  const untouched = others.length === 0 ? [] : [`  left alone: ${others.join(', ')}`];
  const leftOut = skipped.length === 0 ? [] : [`  left out, as an operator wants: ${skipped.join(', ')}`];
  const nodes = report.nodes.map((node) => formatOperation(node, screen));
  return [head, ...reason, ...nodes, ...canary, ...untouched, ...leftOut].join('\n');
}

function canaryLines(
  { nodes, soakMs, verdict, criteria, reverted }: CanaryReport,
  screen: Screen,
): readonly string[] {
  const isGood = verdict === 'passed' || verdict === 'overruled';
  const mark = isGood ? screen.paint('green', '✔') : screen.paint('red', '✖');
  const soaked = criteria.length === 0 ? '' : ` (soak ${formatMs(soakMs)})`;
  return [
    `${mark} canary ${nodes.join(', ')}: ${verdicts[verdict]}${soaked}`,
    ...formatCriteria(criteria, screen).map((line) => `  ${line}`),
    ...reverted.map((report) => `roll back: ${formatOperation(report, screen)}`),
  ];
}

const verdicts: Readonly<Record<CanaryReport['verdict'], string>> = {
  passed: 'good enough to be followed',
  failed: 'failed',
  overruled: 'followed because an operator said so',
  unfinished: 'not judged to the end',
};
