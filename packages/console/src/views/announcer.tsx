import { useSignalEffect } from '@preact/signals';
import type { VNode } from 'preact';
import { useRef, useState } from 'preact/hooks';
import { operationVerbs } from '../model/steps.ts';
import { state, verdict } from '../shell/store.ts';

/** Tells a screen reader what changes: politely what goes on, at once what is a danger. */
export function Announcer(): VNode {
  const [polite, setPolite] = useState('');
  const [urgent, setUrgent] = useState('');
  const last = useRef({ link: '', headline: '', ended: '' });
  useSignalEffect(() => {
    const { link, lastEnded } = state.value;
    const { level, headline } = verdict.value;
    const said = last.current;
    if (link.phase !== said.link && link.phase === 'lost') setUrgent('The daemon does not answer');
    else if (headline !== said.headline && level === 'danger') setUrgent(headline);
    else if (link.phase !== said.link && said.link === 'lost') setPolite('Connected again');
    else if (lastEnded !== undefined && lastEnded.id !== said.ended) {
      setPolite(`${operationVerbs[lastEnded.kind]} ${lastEnded.node}: ${lastEnded.report?.result}`);
    } else if (headline !== said.headline) setPolite(headline);
    last.current = { link: link.phase, headline, ended: lastEnded?.id ?? '' };
  });
  return (
    <div class="heard-only">
      <div role="status" aria-live="polite">
        {polite}
      </div>
      <div role="alert" aria-live="assertive">
        {urgent}
      </div>
    </div>
  );
}
