import type { ApiEvent } from '@lameduck/core';
import { ApiError } from './error.ts';
import { readLines } from './read-lines.ts';
import type { Requester } from './request.ts';

/** An event, or what became of the connection. */
export type EventUpdate =
  | ApiEvent
  | {
      readonly event: 'connected';
      /** Of the token, where the controller says. */
      readonly role?: string;
    }
  /** It is tried again after this time. */
  | { readonly event: 'disconnected'; readonly reason: string; readonly retryMs: number };

const firstRetryMs = 250;
const longestRetryMs = 5_000;
/** The controller sends a comment each 15 s: a connection that is silent for longer than this is dead. */
const silenceMs = 35_000;

/** What no second try makes better. */
const finalCodes: readonly string[] = ['unauthorized', 'forbidden', 'apiMismatch', 'notTheApi'];

/** Events until the signal aborts. A connection that breaks is opened again, after the last event that came. */
export async function* followEvents(
  ask: Requester,
  signal: AbortSignal,
  firstId?: string,
): AsyncGenerator<EventUpdate, undefined> {
  let lastId = firstId;
  let retryMs = firstRetryMs;
  while (!signal.aborted) {
    const silence = new AbortController();
    try {
      const either = AbortSignal.any([signal, silence.signal]);
      const headers = {
        accept: 'text/event-stream',
        ...(lastId === undefined ? {} : { 'last-event-id': lastId }),
      };
      const answer = await ask({ method: 'GET', path: '/v1/events', headers, signal: either });
      retryMs = firstRetryMs;
      const role = answer.headers.get('lameduck-role');
      yield { event: 'connected', ...(role === null ? {} : { role }) };
      for await (const event of parseEvents(heard(readLines(answer), () => silence.abort()))) {
        lastId = event.id;
        yield event;
      }
    } catch (thrown) {
      if (signal.aborted) return;
      if (thrown instanceof ApiError && finalCodes.includes(thrown.code)) throw thrown;
    }
    if (signal.aborted) return;
    // not all listeners of one controller at the same moment
    const waitMs = Math.round(retryMs * (0.75 + Math.random() / 4));
    yield { event: 'disconnected', reason: 'the controller went away', retryMs: waitMs };
    await pause(waitMs, signal);
    retryMs = Math.min(longestRetryMs, retryMs * 2);
  }
}

/** The lines as they come; tells when none has come for too long. */
async function* heard(
  lines: AsyncIterable<string>,
  onSilence: () => void,
): AsyncGenerator<string, undefined> {
  let timer = setTimeout(onSilence, silenceMs);
  try {
    for await (const line of lines) {
      clearTimeout(timer);
      yield line;
      timer = setTimeout(onSilence, silenceMs);
    }
  } finally {
    clearTimeout(timer);
  }
  return undefined;
}

/** The format of server-sent events, as far as the API uses it. */
export async function* parseEvents(lines: AsyncIterable<string>): AsyncGenerator<ApiEvent, undefined> {
  let id = '';
  let event = '';
  let data = '';
  for await (const line of lines) {
    if (line === '') {
      if (event !== '') yield readEvent(id, event, data);
      event = '';
      data = '';
    } else if (line.startsWith('id: ')) id = line.slice(4);
    else if (line.startsWith('event: ')) event = line.slice(7);
    else if (line.startsWith('data: ')) data += line.slice(6);
  }
}

/** An event of a later version, or with data that cannot be read, has a name that is none of ours. */
function readEvent(id: string, event: string, data: string): ApiEvent {
  try {
    return { id, event, data: JSON.parse(data) } as ApiEvent;
  } catch {
    return { id, event: `unreadable ${event}`, data } as unknown as ApiEvent;
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    const abort = (): void => {
      clearTimeout(timer);
      resolve();
    };
    signal.addEventListener('abort', abort, { once: true });
  });
}
