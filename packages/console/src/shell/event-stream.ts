import type { ApiEvent } from '@lameduck/core';
import { ApiError, api } from './api.ts';

/** After an error that the client does not try again by itself: a proxy that answers for the daemon, say. */
const retryMs = 5_000;

export interface StreamListener {
  /** `role` is that of our token, where the daemon says. */
  opened(role: string | undefined): void;
  received(event: ApiEvent): void;
  /** The stream broke; the next try comes at `retryAtMs`. */
  lost(code: string, retryAtMs: number): void;
  /** The daemon wants another token: no try helps until there is one. */
  locked(reason: string): void;
}

export interface EventStream {
  /** Tries at once: the network is back, the token is new, somebody asked. */
  retry(): void;
}

/**
 * Follows the events for ever. After a break it goes on behind the last one that it saw, so that nothing is missed as
 * long as the daemon still has it; else the daemon begins with the whole state.
 */
export function followEvents(listener: StreamListener): EventStream {
  let lastId: string | undefined;
  let timer: number | undefined;
  let current: AbortController | undefined;

  async function follow(signal: AbortSignal): Promise<void> {
    for await (const update of api.events(signal, lastId)) {
      if (signal.aborted) return;
      if (update.event === 'connected') listener.opened(update.role);
      else if (update.event === 'disconnected') listener.lost('unreachable', Date.now() + update.retryMs);
      else {
        lastId = update.id;
        listener.received(update);
      }
    }
  }

  function connect(): void {
    clearTimeout(timer);
    current?.abort();
    const abort = new AbortController();
    current = abort;
    follow(abort.signal).catch((error: unknown) => {
      if (current === abort) recover(ApiError.from(error));
    });
  }

  function recover({ status, code, message }: ApiError): void {
    if (status === 401 || status === 403) {
      listener.locked(message);
      return;
    }
    timer = setTimeout(connect, retryMs);
    listener.lost(code, Date.now() + retryMs);
  }

  connect();
  return { retry: connect };
}
