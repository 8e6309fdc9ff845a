import type { PhaseName } from '@lameduck/core';
import type { VNode } from 'preact';
import { formatAge, formatMs, plural } from '../model/format.ts';
import type { OperationView, TimelineStep } from '../model/state.ts';
import { plannedSteps, stepNames, stepWaits } from '../model/steps.ts';
import { now } from '../shell/store.ts';

/** The steps of an operation with their times; the one that runs says what it waits for. */
export function Timeline({ operation }: { readonly operation: OperationView }): VNode {
  const { steps, report, kind } = operation;
  const longest = Math.max(1, ...steps.map(({ ms }) => ms ?? 0));
  return (
    <ol class="timeline" aria-label="Steps">
      {stepsToShow(operation).map((name) => (
        <Step
          key={name}
          name={name}
          step={steps.find((step) => step.name === name)}
          isOver={report !== undefined}
          longest={longest}
          operation={operation}
        />
      ))}
      {steps.length === 0 && plannedSteps(kind).length === 0 && <li class="soft">No steps are known.</li>}
    </ol>
  );
}

/** What was planned, and what came beside it. */
function stepsToShow({ kind, steps }: OperationView): readonly PhaseName[] {
  const planned = plannedSteps(kind);
  return [...planned, ...steps.map(({ name }) => name).filter((name) => !planned.includes(name))];
}

function Step({
  name,
  step,
  isOver,
  longest,
  operation,
}: {
  readonly name: PhaseName;
  readonly step: TimelineStep | undefined;
  readonly isOver: boolean;
  readonly longest: number;
  readonly operation: OperationView;
}): VNode {
  const look = lookOf(operation, name, step, isOver);
  return (
    <li class={`step step-${look}`} data-step={name} aria-current={look === 'running' ? 'step' : undefined}>
      <span class="step-name">{stepNames[name]}</span>
      <span class="step-time figure">{timeOf(look, step)}</span>
      {step?.ms !== undefined && (
        <i
          class="step-bar"
          aria-hidden="true"
          style={{ transform: `scaleX(${Math.max(0.004, step.ms / longest)})` }}
        />
      )}
      {look === 'running' && <p class="step-note">Waiting for {operation.waiting ?? stepWaits[name]}.</p>}
      <StepFacts name={name} operation={operation} />
    </li>
  );
}

type Look = 'done' | 'running' | 'planned' | 'skipped' | 'failed' | 'passed-unseen';

function lookOf(
  { steps, report }: OperationView,
  name: PhaseName,
  step: TimelineStep | undefined,
  isOver: boolean,
): Look {
  const isBad = report?.result === 'failed' || report?.result === 'refused';
  if (step !== undefined && isOver) return isBad && steps.at(-1) === step ? 'failed' : 'done';
  if (step !== undefined) return step.ms === undefined ? 'running' : 'done';
  if (isOver) return 'skipped';
  const order = Object.keys(stepNames);
  const latest = steps.at(-1);
  if (latest !== undefined && order.indexOf(name) < order.indexOf(latest.name)) {
    return name === 'kill' ? 'skipped' : 'passed-unseen';
  }
  return 'planned';
}

function timeOf(look: Look, step: TimelineStep | undefined): string {
  if (step?.ms !== undefined) return formatMs(step.ms);
  if (look === 'running')
    return step?.beganAtMs === undefined ? 'now' : formatAge(now.value - step.beganAtMs);
  return { skipped: 'not needed', planned: '', 'passed-unseen': 'done', done: 'done', failed: 'failed' }[
    look
  ];
}

function StepFacts({
  name,
  operation,
}: {
  readonly name: PhaseName;
  readonly operation: OperationView;
}): VNode | null {
  const { proofs, report } = operation;
  if (name === 'remove' && proofs.length > 0) {
    return (
      <ul class="proofs" aria-label="Proof of each edge">
        {proofs.map(({ edge, state, processes, afterMs }) => (
          <li key={edge} class={state === 'quiesced' ? 'is-proved' : undefined}>
            <strong>{edge}</strong> {state}
            {processes !== undefined &&
              processes > 0 &&
              `, ${plural(processes, 'old process', 'old processes')} left`}
            {afterMs !== undefined && <span class="soft figure"> {formatMs(Math.max(0, afterMs))}</span>}
          </li>
        ))}
      </ul>
    );
  }
  if (name === 'drain' && report !== undefined && report.inFlight > 0) {
    return (
      <p class="step-note">
        {report.answered} of {report.inFlight} answered
      </p>
    );
  }
  if (name === 'kill' && report !== undefined && report.killed.length > 0) {
    return <p class="step-note">killed {report.killed.join(', ')}</p>;
  }
  return null;
}

/** The time that is left, as a bar that shrinks. */
export function Deadline({ operation }: { readonly operation: OperationView }): VNode | null {
  const { deadlineAtMs, beganAtMs, report } = operation;
  if (deadlineAtMs === undefined || report !== undefined) return null;
  const leftMs = Math.max(0, deadlineAtMs - now.value);
  const share = Math.min(1, leftMs / Math.max(1, deadlineAtMs - beganAtMs));
  return (
    <div class={share < 0.2 ? 'deadline is-short' : 'deadline'}>
      <span class="deadline-bar" aria-hidden="true">
        <i style={{ transform: `scaleX(${share})` }} />
      </span>
      <span class="small soft">
        ends in at most <span class="figure">{formatAge(leftMs)}</span>
      </span>
    </div>
  );
}
