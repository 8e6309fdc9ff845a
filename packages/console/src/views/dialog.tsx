import type { ComponentChildren, VNode } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { intent } from '../shell/intent.ts';

const focusable = 'a[href], button:not([disabled]), input:not([disabled]), select:not([disabled])';

/** A modal dialog: the rest of the page is inert, Tab stays in it, Escape closes it, focus goes back where it was. */
export function Dialog({
  title,
  children,
}: {
  readonly title: string;
  readonly children: ComponentChildren;
}): VNode {
  const dialog = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => {
    const before = document.activeElement;
    const opened = dialog.current;
    opened?.showModal();
    opened?.querySelector<HTMLElement>('[data-first]')?.focus();
    return () => {
      // the page behind takes no focus before
      opened?.close();
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      aria-labelledby="dialog-title"
      onCancel={(event) => {
        event.preventDefault();
        closeDialog();
      }}
      // told later: of one that is gone, it would close the next
      onClose={(event) => event.currentTarget.isConnected && closeDialog()}
      onKeyDown={(event) => keepFocus(event, dialog.current)}
      onClick={(event) => {
        if (event.target === dialog.current) closeDialog();
      }}
    >
      <div class="dialog-body">
        <h2 id="dialog-title">{title}</h2>
        {children}
      </div>
    </dialog>
  );
}

export function closeDialog(): void {
  intent.value = undefined;
}

/** The browser would let Tab go on to its own bars. */
function keepFocus(event: KeyboardEvent, dialog: HTMLDialogElement | null): void {
  if (event.key !== 'Tab' || dialog === null) return;
  const stops = [...dialog.querySelectorAll<HTMLElement>(focusable)];
  const edge = event.shiftKey ? stops[0] : stops.at(-1);
  const other = event.shiftKey ? stops.at(-1) : stops[0];
  if (document.activeElement !== edge && dialog.contains(document.activeElement)) return;
  event.preventDefault();
  other?.focus();
}
