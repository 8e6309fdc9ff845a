import type { ServerResponse } from 'node:http';

/** Has this answer begun to be a stream of server-sent events? Other long answers have the whole grace period. */
export function isEventStream(response: ServerResponse): boolean {
  if (!response.headersSent || response.writableEnded) return false;
  return /^content-type:\s*text\/event-stream/im.test(sentHeader(response));
}

/** What `writeHead(200, headers)` was given is kept nowhere but in the text that was written (HTTP/2 keeps it). */
function sentHeader(response: ServerResponse): string {
  const { _header: text } = response as { _header?: string };
  return text ?? `content-type: ${String(response.getHeader('content-type') ?? '')}`;
}

/**
 * Ends a stream of events so that the client sees a whole answer, and connects again. A comment says why; it is no
 * blank line, which would dispatch half an event.
 */
export function endEventStream(response: ServerResponse): void {
  // What the handler still writes comes too late, and is no reason for a crash.
  response.on('error', () => undefined);
  if (/^content-encoding:/im.test(sentHeader(response))) response.end();
  else response.end(': the server is leaving\n');
}
