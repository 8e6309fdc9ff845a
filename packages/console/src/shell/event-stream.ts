import { emptySse, readSse, type ServerSentEvent } from '../model/sse.ts';
import { ApiError, call } from './api.ts';

/** The daemon sends a comment each 15 s: a stream that is silent for longer than this is dead. */
const silenceMs = 35_000;
const retryMs = { first: 500, most: 10_000 } as const;

export interface StreamListener {
  /** `role` is that of our token, where the daemon says. */
  opened(role: string | undefined): void;
  received(events: readonly ServerSentEvent[]): void;
  /** The stream broke; the next try comes at `retryAtMs`. */
  lost(reason: string, retryAtMs: number): void;
  /** The daemon wants another token: no try helps until there is one. */
  locked(reason: string): void;
}

export interface EventStream {
  /** Tries at once: the network is back, the token is new, somebody asked. */
  retry(): void;
}

/**
 * Follows `GET /v1/events` for ever. After a break it goes on behind the last event that it saw, so that nothing is
 * missed as long as the daemon still has it; else the daemon begins with the whole state.
 */
export function followEvents(listener: StreamListener): EventStream {
  let lastEventId: string | undefined;
  let failures = 0;
  let timer: number | undefined;
  let current: AbortController | undefined;

  async function follow(abort: AbortController): Promise<void> {
    const headers = new Headers({ accept: 'text/event-stream' });
    if (lastEventId !== undefined) headers.set('last-event-id', lastEventId);
    const response = await call('v1/events', { headers, signal: abort.signal });
    failures = 0;
    listener.opened(response.headers.get('lameduck-role') ?? undefined);
    await readAll(response, abort, (events) => {
      lastEventId = events.at(-1)?.id ?? lastEventId;
      listener.received(events);
    });
    throw new ApiError('unreachable', 'The daemon closed the connection', 0);
  }

  function connect(): void {
    clearTimeout(timer);
    current?.abort();
    const abort = new AbortController();
    current = abort;
    follow(abort).catch((error: unknown) => {
      if (current === abort) recover(ApiError.from(error));
    });
  }

  function recover(error: ApiError): void {
    if (error.status === 401 || error.status === 403) {
      listener.locked(error.message);
      return;
    }
    const delayMs = Math.min(retryMs.first * 2 ** failures, retryMs.most) * (0.75 + Math.random() / 4);
    failures += 1;
    timer = setTimeout(connect, delayMs);
    listener.lost(error.message, Date.now() + delayMs);
  }

  connect();
  return { retry: connect };
}

async function readAll(
  response: Response,
  abort: AbortController,
  received: (events: readonly ServerSentEvent[]) => void,
): Promise<void> {
  if (response.body === null) return;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let state = emptySse;
  for (;;) {
    const silence = setTimeout(() => abort.abort(new Error('The daemon fell silent')), silenceMs);
    const { done, value } = await reader.read().finally(() => clearTimeout(silence));
    if (done) return;
    const read = readSse(state, value);
    state = read.state;
    if (read.events.length > 0) received(read.events);
  }
}
