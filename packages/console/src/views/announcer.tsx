import { useSignalEffect } from '@preact/signals';
import type { VNode } from 'preact';
import { useRef, useState } from 'preact/hooks';
import { operationVerbs } from '../model/steps.ts';
import { state, verdict } from '../shell/store.ts';

/** Tells a screen reader what changes: politely what goes on, at once what is a danger. */
export function Announcer(): VNode {
  const [polite, setPolite] = useState('');
  const [urgent, setUrgent] = useState('');
  const last = useRef({ link: '', headline: '', ended: 0 });
  useSignalEffect(() => {
    const { link, operations } = state.value;
    const { level, headline } = verdict.value;
    const said = last.current;
    const ended = [...operations.values()].filter(({ report }) => report !== undefined);
    const latest = ended.at(-1);
    if (link.phase !== said.link && link.phase === 'lost') setUrgent('The daemon does not answer');
    else if (headline !== said.headline && level === 'danger') setUrgent(headline);
    else if (link.phase !== said.link && said.link === 'lost') setPolite('Connected again');
    else if (latest?.report !== undefined && ended.length > said.ended && said.ended >= 0) {
      setPolite(`${operationVerbs[latest.kind]} ${latest.node}: ${latest.report.result}`);
    } else if (headline !== said.headline) setPolite(headline);
    last.current = { link: link.phase, headline, ended: ended.length };
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
