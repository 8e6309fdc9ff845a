import type { VNode } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { explainError } from '../model/explain.ts';
import { formatInstant, formatMs, plural } from '../model/format.ts';
import { formatRoute } from '../model/route.ts';
import type { OperationView } from '../model/state.ts';
import { operationVerbs } from '../model/steps.ts';
import { ApiError } from '../shell/api.ts';
import { notify } from '../shell/intent.ts';
import { loadOperation, now, state } from '../shell/store.ts';
import { Deadline, Timeline } from './timeline.tsx';

/** One operation: its timeline while it runs, its report afterwards. The link to it can be sent around. */
export function OperationPage({ id }: { readonly id: string }): VNode {
  const operation = state.value.operations.get(id);
  const problem = useOperation(id, operation);
  if (operation === undefined) {
    return (
      <section class="paper" aria-busy={problem === undefined}>
        <h1>{problem === undefined ? 'Looking it up.' : `Operation ${id} is not to be had.`}</h1>
        {problem !== undefined && <p>{problem}</p>}
        <p>
          <a href="#/history">To the history</a>
        </p>
      </section>
    );
  }
  return <Report operation={operation} />;
}

/** Fetches what the stream of events did not bring; what is not under way and has no proofs is of a list only. */
function useOperation(id: string, operation: OperationView | undefined): string | undefined {
  const [problem, setProblem] = useState<string>();
  const isPart = operation === undefined || (operation.proofs.length === 0 && operation.report !== undefined);
  useEffect(() => {
    if (!isPart) return;
    loadOperation(id).catch((error: unknown) => {
      const { code, message } = ApiError.from(error);
      setProblem(code === 'unreachable' ? explainError(code, message) : message);
    });
  }, [id, isPart]);
  return problem;
}

function Report({ operation }: { readonly operation: OperationView }): VNode {
  const { id, kind, node, beganAtMs, report, inFlight } = operation;
  return (
    <article class="paper operation-report" data-operation={id}>
      <p class="crumb">
        <a href={formatRoute({ page: 'node', node })}>{node}</a> · operation {id} ·{' '}
        <time dateTime={new Date(beganAtMs).toISOString()}>{formatInstant(beganAtMs, now.value)}</time>
      </p>
      <h1>{titleOf(operation)}</h1>
      {report === undefined ? (
        <>
          <div class="operation-flight big">
            <span class="figure">{inFlight ?? state.value.nodes.get(node)?.status.inFlight ?? 0}</span>
            <small>in flight</small>
          </div>
          <Deadline operation={operation} />
        </>
      ) : (
        <Outcome operation={operation} report={report} />
      )}
      <Timeline operation={operation} />
      <p class="page-actions">
        <button type="button" onClick={() => copyLink(`${operationVerbs[kind]} ${node}`)}>
          Copy the link
        </button>
      </p>
    </article>
  );
}

function titleOf({ kind, node, report }: OperationView): string {
  const what = `${operationVerbs[kind]} ${node}`;
  if (report === undefined) return `${what} is under way.`;
  const ends: Readonly<Record<string, string>> = {
    exited: kind === 'restart' ? 'it came back.' : 'it ended by itself.',
    killed: 'what was left had to be killed.',
    refused: 'the guard refused.',
    failed: 'it failed.',
    drained: 'it is out of rotation.',
    ready: 'it is back in rotation.',
    started: 'it is in rotation.',
  };
  return `${what}: ${ends[report.result] ?? report.result}`;
}

function Outcome({
  report,
}: {
  readonly operation: OperationView;
  readonly report: NonNullable<OperationView['report']>;
}): VNode {
  return (
    <>
      {report.reason !== undefined && <p class="reason tone-attention">{report.reason}</p>}
      {report.rolledBack !== undefined && (
        <p class="reason tone-attention">
          {report.rolledBack
            ? 'The new version was rolled back to the one before.'
            : 'The new version was not rolled back: the node has whatever is there.'}
        </p>
      )}
      {report.overruled !== undefined && (
        <p class="reason tone-attention">The guard was overruled: {report.overruled}</p>
      )}
      {report.interrupted !== undefined && (
        <p class="reason tone-attention">
          The controller ended in the step “{report.interrupted.phase}”; the next one{' '}
          {report.interrupted.settled} it.
        </p>
      )}
      <dl class="figures">
        <div>
          <dt>took</dt>
          <dd class="figure">{formatMs(report.ms)}</dd>
        </div>
        <div>
          <dt>in flight</dt>
          <dd class="figure">{report.inFlight}</dd>
        </div>
        <div>
          <dt>answered</dt>
          <dd class="figure">{report.answered}</dd>
        </div>
        <div class={report.lost > 0 ? 'tone-text-danger' : undefined}>
          <dt>lost</dt>
          <dd class="figure">{report.lost}</dd>
        </div>
        {report.killed.length > 0 && (
          <div class="tone-text-attention">
            <dt>killed</dt>
            <dd class="figure">{plural(report.killed.length, 'process', 'processes')}</dd>
          </div>
        )}
      </dl>
    </>
  );
}

function copyLink(title: string): void {
  const done = (): void => notify('good', `The link to “${title}” is in the clipboard`);
  const failed = (): void =>
    notify('danger', 'The browser does not let the page copy', { detail: location.href });
  // there is no clipboard on pages that come over plain HTTP from another machine
  if (navigator.clipboard === undefined) failed();
  else navigator.clipboard.writeText(location.href).then(done, failed);
}
