import type { VNode } from 'preact';
import { formatAge, formatMs } from '../model/format.ts';
import { formatRoute } from '../model/route.ts';
import type { OperationView } from '../model/state.ts';
import { operationVerbs, plannedSteps, stepNames, stepWaits, stepWords } from '../model/steps.ts';
import { now, state } from '../shell/store.ts';
import { Deadline } from './timeline.tsx';

/** An operation under way, in one line of steps: what it waits for, what is still in flight, what time is left. */
export function OperationCard({ operation }: { readonly operation: OperationView }): VNode {
  const { id, kind, node, beganAtMs, proofs, steps, waiting } = operation;
  const running = steps.findLast(({ ms }) => ms === undefined);
  const inFlight = operation.inFlight ?? state.value.nodes.get(node)?.status.inFlight ?? 0;
  const proved = proofs.filter(({ state: word }) => word === 'quiesced').length;
  const href = formatRoute(id.endsWith(':now') ? { page: 'node', node } : { page: 'operation', id });
  return (
    <article class="operation" data-operation={id} aria-label={`${operationVerbs[kind]} ${node}`}>
      <header>
        <h2>
          <a href={href}>
            {operationVerbs[kind]} <strong>{node}</strong>
          </a>
        </h2>
        <span class="soft figure">{formatAge(now.value - beganAtMs)}</span>
      </header>
      <div class="operation-flight">
        <span class="figure" data-in-flight={inFlight}>
          {inFlight}
        </span>
        <small>in flight{operation.peakInFlight > inFlight ? `, of ${operation.peakInFlight}` : ''}</small>
      </div>
      <StepBar operation={operation} />
      <p class="operation-note">
        {running === undefined ? 'Waiting for the next step' : <b>{stepNames[running.name]}.</b>}{' '}
        {running !== undefined && <span class="soft">Waiting for {waiting ?? stepWaits[running.name]}.</span>}
        {proofs.length > 0 && (
          <span class="soft">
            {' '}
            {proved} of {proofs.length} {proofs.length === 1 ? 'edge has' : 'edges have'} proved it is out.
          </span>
        )}
      </p>
      <Deadline operation={operation} />
    </article>
  );
}

function StepBar({ operation }: { readonly operation: OperationView }): VNode {
  const planned = plannedSteps(operation.kind);
  const latest = operation.steps.at(-1);
  const at = latest === undefined ? -1 : planned.indexOf(latest.name);
  return (
    <ol class="step-bar-row" aria-label="Steps">
      {planned.map((name, index) => {
        const step = operation.steps.find((each) => each.name === name);
        const isRunning = step !== undefined && step.ms === undefined;
        const look = isRunning ? 'running' : step !== undefined ? 'done' : index < at ? 'skipped' : 'planned';
        return (
          <li key={name} class={`pip pip-${look}`} aria-current={isRunning ? 'step' : undefined}>
            <i aria-hidden="true" />
            <span>{stepWords[name]}</span>
            <small class="figure">{step?.ms === undefined ? '' : formatMs(step.ms)}</small>
          </li>
        );
      })}
    </ol>
  );
}
