import type { VNode } from 'preact';
import { dismiss, notices } from '../shell/intent.ts';

/** How what was asked for went: under the page, which gets shorter by them, so that they cover nothing. */
export function Notices(): VNode {
  return (
    <section class="notices" aria-label="Messages" aria-live="polite">
      {notices.value.map(({ id, tone, text, detail, href }) => (
        <div key={id} class={`banner tone-${tone}`}>
          <p>
            <strong>{href === undefined ? text : <a href={href}>{text}</a>}</strong>
            {detail !== undefined && <span>{detail}</span>}
          </p>
          <button type="button" class="quiet" aria-label="Close the message" onClick={() => dismiss(id)}>
            ×
          </button>
        </div>
      ))}
    </section>
  );
}
