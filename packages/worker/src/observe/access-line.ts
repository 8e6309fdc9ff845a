import type { IncomingMessage, ServerResponse } from 'node:http';

/** As in `@lameduck/core`'s protocol. */
export type AccessFormat = 'json' | 'combined';

/** What was measured of one answer. */
export interface AccessMeasures {
  readonly ms: number;
  /** Bytes that the connection had been sent before the answer. */
  readonly sentBytes: number;
}

/** nginx's word for a client that went away before it had its answer. */
const clientGone = 499;

/**
 * One line for one answer, without the line end. `bytes` is all that went over the connection, header included (as
 * Apache's `%O`). The query is part of the path: an access log without it is of little use, so keep the file private.
 */
export function formatAccess(
  response: ServerResponse,
  measures: AccessMeasures,
  format: AccessFormat,
): string {
  return format === 'json' ? formatJson(response, measures) : formatCombined(response, measures);
}

function formatJson(response: ServerResponse, { ms, sentBytes }: AccessMeasures): string {
  const { req: request } = response;
  const { headers } = request;
  return JSON.stringify({
    time: new Date().toISOString(),
    remote: remoteOf(request),
    method: request.method,
    path: request.url,
    protocol: `HTTP/${request.httpVersion}`,
    status: statusOf(response),
    bytes: bytesOf(response, sentBytes),
    ms: Math.round(ms * 1000) / 1000,
    host: headers.host,
    forwardedFor: headers['x-forwarded-for'],
    referer: headers.referer,
    agent: headers['user-agent'],
  });
}

function formatCombined(response: ServerResponse, { sentBytes }: AccessMeasures): string {
  const { req: request } = response;
  const { method, url, httpVersion, headers } = request;
  const line = quote(`${method} ${url} HTTP/${httpVersion}`);
  const bytes = bytesOf(response, sentBytes);
  const tail = `${quote(headers.referer)} ${quote(headers['user-agent'])}`;
  return `${remoteOf(request)} - - [${combinedTime()}] ${line} ${statusOf(response)} ${bytes} ${tail}`;
}

function remoteOf(request: IncomingMessage): string {
  return request.socket?.remoteAddress ?? '-';
}

function statusOf(response: ServerResponse): number {
  return response.writableFinished ? response.statusCode : clientGone;
}

function bytesOf(response: ServerResponse, before: number): number {
  return Math.max(0, (response.req.socket?.bytesWritten ?? before) - before);
}

/** Whatever a client sends stays within its quotes and its line. */
function quote(text: string | undefined): string {
  if (text === undefined || text === '') return '"-"';
  return `"${text.replace(/["\\\p{Cc}]/gu, escapeCharacter)}"`;
}

function escapeCharacter(character: string): string {
  if (character === '"' || character === '\\') return `\\${character}`;
  return `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
}

const months = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');
let lastSecond = 0;
let lastText = '';

/** `22/Nov/2026:16:07:17 +0000`, made once a second. */
function combinedTime(): string {
  const second = Math.floor(Date.now() / 1000);
  if (second === lastSecond) return lastText;
  const [date = '', time = ''] = new Date(second * 1000).toISOString().split(/[T.]/);
  const [year, month, day] = date.split('-');
  lastSecond = second;
  lastText = `${day}/${months[Number(month) - 1]}/${year}:${time} +0000`;
  return lastText;
}
