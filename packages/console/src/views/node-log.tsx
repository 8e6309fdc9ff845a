import type { VNode } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { ApiError, followLog } from '../shell/api.ts';
import { onFrame } from '../shell/frame.ts';
import { link } from '../shell/store.ts';

const kept = 500;

/** What the processes of a node print: the end of it, and what comes, while it is open. */
export function NodeLog({ node }: { readonly node: string }): VNode {
  const [isOpen, setOpen] = useState(false);
  return (
    <details class="log" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>Log</summary>
      {isOpen && <Tail node={node} />}
    </details>
  );
}

function Tail({ node }: { readonly node: string }): VNode {
  const { lines, problem } = useTail(node);
  const box = useRef<HTMLPreElement>(null);
  const isAtEnd = useRef(true);
  // it stays at the end, unless the reader has gone up to read
  useLayoutEffect(() => {
    if (isAtEnd.current) box.current?.scrollTo(0, box.current.scrollHeight);
  }, [lines]);
  return (
    <>
      {problem !== undefined && <p class="soft">{problem}</p>}
      {lines.length > 0 && (
        <pre
          ref={box}
          // biome-ignore lint/a11y/noNoninteractiveTabindex: so that the keyboard can scroll it
          tabIndex={0}
          role="log"
          aria-live="off"
          aria-label={`Log of ${node}`}
          onScroll={({ currentTarget: { scrollTop, clientHeight, scrollHeight } }) => {
            isAtEnd.current = scrollTop + clientHeight > scrollHeight - 20;
          }}
        >
          {lines.join('\n')}
        </pre>
      )}
      {lines.length === 0 && problem === undefined && <p class="soft">Nothing was printed yet.</p>}
    </>
  );
}

interface Tailed {
  readonly lines: readonly string[];
  readonly problem: string | undefined;
}

/** Follows the log; begins again when the daemon is back. Drawn once a frame, however much comes. */
function useTail(node: string): Tailed {
  const [tailed, setTailed] = useState<Tailed>({ lines: [], problem: undefined });
  const liveSince = link.value.phase === 'live' ? link.value.sinceMs : 0;
  useEffect(() => {
    const abort = new AbortController();
    let lines: string[] = [];
    let cancel: (() => void) | undefined;
    const draw = (problem?: string): void => {
      // else a frame that is still to come would take the last word back
      cancel?.();
      cancel = undefined;
      setTailed({ lines, problem });
    };
    followLog(node, kept, abort.signal, (line) => {
      lines = [...lines.slice(1 - kept), line];
      cancel ??= onFrame(draw);
    }).then(
      () => draw('The log has ended.'),
      (error: unknown) => !abort.signal.aborted && draw(ApiError.from(error).message),
    );
    return () => {
      abort.abort();
      cancel?.();
    };
  }, [node, liveSince]);
  return tailed;
}
