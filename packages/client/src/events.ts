import type { ApiEvent } from '@lameduck/core';
import { ApiError } from './error.ts';
import { readLines } from './read-lines.ts';
import type { Requester } from './request.ts';

/** An event, or what became of the connection. */
export type EventUpdate =
  | ApiEvent
  | { readonly event: 'connected' }
  /** It is tried again after this time. */
  | { readonly event: 'disconnected'; readonly reason: string; readonly retryMs: number };

const firstRetryMs = 250;
const longestRetryMs = 5_000;

/** What no second try makes better. */
const finalCodes: readonly string[] = ['unauthorized', 'forbidden', 'apiMismatch', 'notTheApi'];

/** Events until the signal aborts. A connection that breaks is opened again, after the last event that came. */
export async function* followEvents(
  ask: Requester,
  signal: AbortSignal,
): AsyncGenerator<EventUpdate, undefined> {
  let lastId: string | undefined;
  let retryMs = firstRetryMs;
  while (!signal.aborted) {
    try {
      const headers = {
        accept: 'text/event-stream',
        ...(lastId === undefined ? {} : { 'last-event-id': lastId }),
      };
      const answer = await ask({ method: 'GET', path: '/v1/events', headers, signal });
      retryMs = firstRetryMs;
      yield { event: 'connected' };
      for await (const event of parseEvents(readLines(answer))) {
        lastId = event.id;
        yield event;
      }
    } catch (thrown) {
      if (signal.aborted) return;
      if (thrown instanceof ApiError && finalCodes.includes(thrown.code)) throw thrown;
    }
    if (signal.aborted) return;
    yield { event: 'disconnected', reason: 'the controller went away', retryMs };
    await pause(retryMs, signal);
    retryMs = Math.min(longestRetryMs, retryMs * 2);
  }
}

/** The format of server-sent events, as far as the API uses it. */
export async function* parseEvents(lines: AsyncIterable<string>): AsyncGenerator<ApiEvent, undefined> {
  let id = '';
  let event = '';
  let data = '';
  for await (const line of lines) {
    if (line === '') {
      if (event !== '') yield { id, event, data: JSON.parse(data) } as ApiEvent;
      event = '';
      data = '';
    } else if (line.startsWith('id: ')) id = line.slice(4);
    else if (line.startsWith('event: ')) event = line.slice(7);
    else if (line.startsWith('data: ')) data += line.slice(6);
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    const abort = (): void => {
      clearTimeout(timer);
      resolve();
    };
    signal.addEventListener('abort', abort, { once: true });
  });
}
