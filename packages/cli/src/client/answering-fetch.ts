import type { Fetch } from '@lameduck/client';
import { LameduckError } from '@lameduck/core';

/** Until a daemon that is asked must have said anything. */
const answerMs = 10_000;
/** Until it must have answered the question whether it lives, while it works on a command. */
const probeMs = 5_000;
/** As in the API: a command that is read later than this is not begun. */
const expiresHeader = 'lameduck-expires';

/**
 * Gives up on a daemon that does not answer (frozen, or its host is gone). A command may work for long before its first line: then the
 * daemon is asked whether it lives. `isLocal`: both have one clock, and the daemon is told until when the command counts.
 */
export function answeringFetch(fetch: Fetch, isLocal: boolean): Fetch {
  return async (url, asking) => {
    const givenUp = new AbortController();
    const signal = AbortSignal.any([givenUp.signal, ...(asking.signal === undefined ? [] : [asking.signal])]);
    const isCommand = asking.method === 'POST';
    const expires = isLocal && isCommand ? { [expiresHeader]: String(Date.now() + answerMs) } : {};
    let timer: NodeJS.Timeout | undefined;
    const wait = (): void => {
      timer = setTimeout(() => {
        if (!isCommand) return givenUp.abort(silent());
        isAlive(fetch, new URL('/v1/alive', url).href, asking).then(
          () => (timer === undefined ? undefined : wait()),
          () => givenUp.abort(silent()),
        );
      }, answerMs);
    };
    wait();
    try {
      return await fetch(url, { ...asking, headers: { ...asking.headers, ...expires }, signal });
    } catch (thrown) {
      givenUp.signal.throwIfAborted();
      throw thrown;
    } finally {
      clearTimeout(timer);
      timer = undefined;
    }
  };
}

/** Whatever it answers, it lives. */
async function isAlive(fetch: Fetch, url: string, { headers }: Parameters<Fetch>[1]): Promise<void> {
  const answer = await fetch(url, { method: 'GET', headers, signal: AbortSignal.timeout(probeMs) });
  await answer.body?.getReader().cancel();
}

function silent(): LameduckError {
  return new LameduckError(
    'notRunning',
    `Cannot reach the controller: an answer within ${answerMs / 1000} s is wanted: it does not answer (a command that it had not begun is not begun later; lameduck history has the others)`,
  );
}
