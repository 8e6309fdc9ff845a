import type { VNode } from 'preact';
import { useState } from 'preact/hooks';
import { formatCount, plural } from '../model/format.ts';
import { api, beginRollout } from '../shell/api.ts';
import { intent, notify, notifyError } from '../shell/intent.ts';
import { shortcuts } from '../shell/keys.ts';
import { counts, state } from '../shell/store.ts';
import { closeDialog, Dialog } from './dialog.tsx';
import { OperationDialog } from './operation-dialog.tsx';

/** The dialog that is open, if one is. */
export function Dialogs(): VNode | null {
  const asked = intent.value;
  switch (asked?.type) {
    case 'operation':
      return <OperationDialog key={`${asked.kind} ${asked.node}`} kind={asked.kind} node={asked.node} />;
    case 'rollout':
      return <RolloutDialog />;
    case 'abortRollout':
      return <AbortDialog />;
    case 'hold':
      return <HoldDialog command={asked.command} />;
    case 'shortcuts':
      return <ShortcutsDialog />;
    default:
      return null;
  }
}

function RolloutDialog(): VNode {
  // left empty: as `rollout` in lameduck.yaml says
  const [batch, setBatch] = useState<number>();
  const [canary, setCanary] = useState<number>();
  const { total, serving } = counts.value;
  const begin = (event: Event): void => {
    event.preventDefault();
    closeDialog();
    location.hash = '#/rollout';
    const request = {
      ...(batch === undefined ? {} : { batch }),
      ...(canary === undefined ? {} : { canary }),
    };
    beginRollout(request).then(
      ({ result, nodes, reason }) =>
        notify(
          result === 'done' ? 'good' : 'danger',
          `The rollout is ${result}: ${plural(nodes.length, 'node')}`,
          {
            href: '#/rollout',
            ...(reason === undefined ? {} : { detail: reason }),
          },
        ),
      (error: unknown) => notifyError('The rollout did not work', error),
    );
  };
  return (
    <Dialog title="Roll out over all nodes?">
      <form onSubmit={begin}>
        <p>
          Every node is restarted in turn: out of rotation, what is in flight finishes, new process, checks,
          back. At the first one that fails it stops, and leaves the others alone. Fields that are left empty
          are as the configuration has them.
        </p>
        <div class="fields">
          <label>
            Nodes at a time
            <input
              type="number"
              min={1}
              max={Math.max(1, total)}
              value={batch}
              placeholder="as set"
              onInput={(event) => setBatch(readNumber(event.currentTarget.value))}
            />
          </label>
          <label>
            First alone (canary)
            <input
              type="number"
              min={0}
              max={total}
              value={canary}
              placeholder="as set"
              onInput={(event) => setCanary(readNumber(event.currentTarget.value))}
            />
          </label>
        </div>
        <p class="forecast figure">
          {formatCount(serving)} of {formatCount(total)} serve now
          {batch !== undefined && `; at least ${formatCount(Math.max(0, serving - batch))} at any time`}
        </p>
        <p class="dialog-actions">
          <button type="button" data-first onClick={closeDialog}>
            Leave it
          </button>
          <button type="submit" class="primary" disabled={batch !== undefined && batch < 1}>
            Roll out
          </button>
        </p>
      </form>
    </Dialog>
  );
}

function readNumber(text: string): number | undefined {
  return text === '' ? undefined : Number(text);
}

function AbortDialog(): VNode {
  const { rollout } = state.value;
  const running = rollout?.running ?? [];
  const pending = rollout?.pending.length ?? 0;
  return (
    <Dialog title="Abort the rollout?">
      <p>
        {running.length > 0 ? `${running.join(', ')} ends what it has begun and comes back. ` : ''}
        {plural(pending, 'node')} that {pending === 1 ? 'waits' : 'wait'} {pending === 1 ? 'stays' : 'stay'}{' '}
        as {pending === 1 ? 'it is' : 'they are'}. A canary that is still watched is rolled back; other nodes
        that are done keep what they have.
      </p>
      <p class="dialog-actions">
        <button type="button" data-first onClick={closeDialog}>
          Let it go on
        </button>
        <button
          type="button"
          class="primary risky"
          onClick={() => {
            closeDialog();
            api
              .commandRollout('abort')
              .catch((error: unknown) => notifyError('Cannot abort the rollout', error));
          }}
        >
          Abort the rollout
        </button>
      </p>
    </Dialog>
  );
}

function HoldDialog({ command }: { readonly command: 'pause' | 'resume' }): VNode {
  const isPause = command === 'pause';
  return (
    <Dialog title={isPause ? 'Pause the whole service?' : 'Resume the service?'}>
      <p>
        {isPause
          ? 'New requests wait at the edges instead of going to a node; what is in flight finishes. Clients wait too, so be short: for a database that is being switched, say.'
          : 'The requests that wait at the edges go to the nodes, and new ones are sent on at once.'}
      </p>
      <p class="dialog-actions">
        <button type="button" data-first onClick={closeDialog}>
          Leave it
        </button>
        <button
          type="button"
          class={isPause ? 'primary risky' : 'primary'}
          onClick={() => {
            closeDialog();
            api[command]().catch((error: unknown) => notifyError(`Cannot ${command} the service`, error));
          }}
        >
          {isPause ? 'Pause' : 'Resume'}
        </button>
      </p>
    </Dialog>
  );
}

function ShortcutsDialog(): VNode {
  return (
    <Dialog title="Keyboard">
      <dl class="shortcuts">
        {shortcuts.map(([keys, what]) => (
          <div key={keys}>
            <dt>
              {keys.split(' ').map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <p class="small soft">
        Keys that act ask first. What they act on is the node that is chosen with j and k, or open.
      </p>
      <p class="dialog-actions">
        <button type="button" data-first onClick={closeDialog}>
          Close
        </button>
      </p>
    </Dialog>
  );
}
