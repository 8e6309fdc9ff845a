import type { RolloutStatus } from '@lameduck/core';
import type { VNode } from 'preact';
import { formatAge, plural, toMs } from '../model/format.ts';
import { api } from '../shell/api.ts';
import { intent, notifyError } from '../shell/intent.ts';
import { now } from '../shell/store.ts';
import { Criteria } from './criteria.tsx';

const words: Readonly<Record<RolloutStatus['state'], string>> = {
  running: 'is under way',
  paused: 'is paused: what runs ends, nothing new begins',
  soaking: 'watches what is new before it goes on',
  aborting: 'is being aborted: what runs ends',
  done: 'is done',
  aborted: 'was aborted',
};

/** Where a rollout stands, and how to steer it. */
export function RolloutCard({ rollout }: { readonly rollout: RolloutStatus }): VNode {
  const { done, running, pending, state, soakEndsAt, batch, canary, reason, by, criteria = [] } = rollout;
  const total = done.length + running.length + pending.length;
  const beganAtMs = toMs(rollout.beganAt);
  const soakMs = (toMs(soakEndsAt) ?? 0) - now.value;
  return (
    <article class="operation rollout" aria-label="Rollout" data-rollout={state}>
      <header>
        <h2>
          <a href="#/rollout">
            Rollout <strong>{words[state]}</strong>
          </a>
        </h2>
        {beganAtMs !== undefined && !isOver(rollout) && (
          <span class="soft figure">{formatAge(now.value - beganAtMs)}</span>
        )}
      </header>
      <RolloutBar rollout={rollout} />
      <p class="operation-note">
        <b>
          <span class="figure">
            {done.length} of {total}
          </span>{' '}
          done.
        </b>{' '}
        <span class="soft">
          {running.length > 0 && `Now ${running.slice(0, 5).join(', ')}. `}
          {plural(batch, 'node')} at a time{canary === undefined ? '' : `, ${canary} first`}.
          {by !== undefined && ` Asked for by ${by}.`}
          {state === 'soaking' && soakMs > 0 && ` Goes on in ${formatAge(soakMs)}.`}
          {reason !== undefined && ` ${reason}`}
        </span>
      </p>
      {criteria.length > 0 && <Criteria criteria={criteria} />}
      {!isOver(rollout) && <Steering rollout={rollout} />}
    </article>
  );
}

export function isOver({ state }: RolloutStatus): boolean {
  return state === 'done' || state === 'aborted';
}

function RolloutBar({ rollout }: { readonly rollout: RolloutStatus }): VNode {
  const parts = [
    ...rollout.done.map((name) => ({ name, look: 'done' })),
    ...rollout.running.map((name) => ({ name, look: 'running' })),
    ...rollout.pending.map((name) => ({ name, look: 'planned' })),
  ];
  return (
    <ol class="rollout-bar" aria-label="Nodes of the rollout">
      {parts.map(({ name, look }) => (
        <li key={name} class={`pip pip-${look}`} title={`${name}: ${look}`}>
          <i aria-hidden="true" />
          {parts.length <= 16 && <span>{name}</span>}
          <span class="heard-only">
            {parts.length > 16 && name} {look}
          </span>
        </li>
      ))}
    </ol>
  );
}

function Steering({ rollout }: { readonly rollout: RolloutStatus }): VNode {
  const command = rollout.state === 'paused' ? 'resume' : 'pause';
  return (
    <p class="page-actions">
      <button
        type="button"
        disabled={rollout.state === 'aborting'}
        onClick={() => {
          api
            .commandRollout(command)
            .catch((error: unknown) => notifyError(`Cannot ${command} the rollout`, error));
        }}
      >
        {command === 'resume' ? 'Resume the rollout' : 'Pause the rollout'}
      </button>
      <button
        type="button"
        class="risky"
        disabled={rollout.state === 'aborting'}
        onClick={() => {
          intent.value = { type: 'abortRollout' };
        }}
      >
        Abort the rollout…
      </button>
    </p>
  );
}
