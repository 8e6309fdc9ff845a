/** One event of a `text/event-stream`. */
export interface ServerSentEvent {
  readonly id: string | undefined;
  readonly event: string;
  readonly data: string;
}

export interface SseState {
  readonly rest: string;
  readonly id: string | undefined;
  readonly event: string;
  readonly data: readonly string[];
}

export const emptySse: SseState = { rest: '', id: undefined, event: '', data: [] };

/**
 * Takes the next piece of text of a stream, as the HTML standard reads it. EventSource itself can send no
 * `Authorization` header, so the page reads the stream by `fetch`.
 */
export function readSse(
  state: SseState,
  text: string,
): { readonly state: SseState; readonly events: readonly ServerSentEvent[] } {
  const lines = (state.rest + text).split(/\r\n|\n|\r(?!$)/);
  const rest = lines.pop() ?? '';
  const events: ServerSentEvent[] = [];
  let { id, event, data } = state;
  for (const line of lines) {
    if (line === '') {
      if (data.length > 0)
        events.push({ id, event: event === '' ? 'message' : event, data: data.join('\n') });
      event = '';
      data = [];
      continue;
    }
    const [field, value] = splitField(line);
    if (field === 'id') id = value;
    else if (field === 'event') event = value;
    else if (field === 'data') data = [...data, value];
  }
  return { state: { rest, id, event, data }, events };
}

function splitField(line: string): readonly [string, string] {
  const colon = line.indexOf(':');
  if (colon < 0) return [line, ''];
  const value = line.slice(colon + 1);
  return [line.slice(0, colon), value.startsWith(' ') ? value.slice(1) : value];
}
