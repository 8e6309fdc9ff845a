import type { OperationKind, Preview } from '@lameduck/core';
import type { VNode } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { describePreview, explainError, explainRefusal, operationPromises } from '../model/explain.ts';
import { formatRoute } from '../model/route.ts';
import { operationVerbs } from '../model/steps.ts';
import { ApiError, api, operate } from '../shell/api.ts';
import { notify, notifyError } from '../shell/intent.ts';
import { state } from '../shell/store.ts';
import { closeDialog, Dialog } from './dialog.tsx';

interface Asked {
  readonly kind: OperationKind;
  readonly node: string;
}

/** Asks before an operation: what it does, what the guard thinks of it, how long it can take. */
export function OperationDialog({ kind, node }: Asked): VNode {
  const status = state.value.nodes.get(node)?.status;
  // what is told changes under the reader's eyes: a node that dies makes the guard say no
  const { preview, problem } = usePreview({ kind, node }, `${status?.state} ${status?.inFlight}`);
  const [force, setForce] = useState(false);
  const isRefused = preview?.allowed === false;
  const begin = (event: Event): void => {
    event.preventDefault();
    closeDialog();
    run({ kind, node }, force, preview);
  };
  return (
    <Dialog title={`${operationVerbs[kind]} ${node}?`}>
      <form onSubmit={begin}>
        <p>{operationPromises[kind]}</p>
        <Forecast kind={kind} node={node} preview={preview} problem={problem} />
        {isRefused && (
          <label class="overrule">
            <input
              type="checkbox"
              checked={force}
              onChange={(event) => setForce(event.currentTarget.checked)}
            />
            Overrule the guard. Requests may fail while nobody serves.
          </label>
        )}
        <p class="dialog-actions">
          <button type="button" data-first onClick={closeDialog}>
            Leave it
          </button>
          <button
            type="submit"
            class={isRefused ? 'primary risky' : 'primary'}
            disabled={isRefused && !force}
          >
            {isRefused ? `${operationVerbs[kind]} all the same` : operationVerbs[kind]}
          </button>
        </p>
      </form>
    </Dialog>
  );
}

interface Previewed {
  readonly preview: Preview | undefined;
  readonly problem: ApiError | undefined;
}

function usePreview({ kind, node }: Asked, change: string): Previewed {
  const [previewed, setPreviewed] = useState<Previewed>({ preview: undefined, problem: undefined });
  useEffect(() => {
    let isCurrent = true;
    api.preview(kind, node).then(
      (preview) => isCurrent && setPreviewed({ preview, problem: undefined }),
      (error: unknown) => isCurrent && setPreviewed({ preview: undefined, problem: ApiError.from(error) }),
    );
    return () => {
      isCurrent = false;
    };
  }, [kind, node, change]);
  return previewed;
}

function Forecast({ kind, node, preview, problem }: Asked & Previewed): VNode {
  if (problem !== undefined) {
    return <p class="reason tone-attention">{explainError(problem.code, problem.message)}</p>;
  }
  if (preview === undefined) return <p class="forecast soft">Asking the guard.</p>;
  if (preview.allowed) return <p class="forecast figure">{describePreview(preview, kind)}</p>;
  return (
    <div class="reason tone-attention" data-refused>
      <p>{explainRefusal(node, kind, preview)}</p>
      {preview.reason !== undefined && <p class="small soft">{preview.reason}</p>}
    </div>
  );
}

function run({ kind, node }: Asked, force: boolean, preview: Preview | undefined): void {
  const what = `${operationVerbs[kind]} ${node}`;
  operate(kind, node, force).then(
    (report) => {
      const id = [...state.value.operations.values()].findLast((each) => each.node === node)?.id;
      const link = id === undefined ? {} : { href: formatRoute({ page: 'operation', id }) };
      if (report.result === 'refused') {
        const detail = `${explainRefusal(node, kind, preview)} ${report.reason ?? ''}`;
        notify('danger', `${what} was refused`, { detail, ...link });
      } else if (report.result === 'failed') {
        notify('danger', `${what} failed`, {
          detail: explainError(report.code ?? '', report.reason ?? ''),
          ...link,
        });
      } else {
        notify('good', `${what}: ${report.result}, lost ${report.lost}`, link);
      }
    },
    (error: unknown) => notifyError(`${what} did not work`, error),
  );
}
