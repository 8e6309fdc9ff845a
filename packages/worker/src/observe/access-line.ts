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

/** Put together by hand: an object for JSON.stringify, and a Date, cost three times as much as all else here. */
function formatJson(response: ServerResponse, { ms, sentBytes }: AccessMeasures): string {
  const { req: request } = response;
  const { method, url, httpVersion } = request;
  const { host, forwardedFor, referer, agent } = loggedHeaders(request);
  const start = `{"time":"${isoTime()}","remote":${jsonText(remoteOf(request))}`;
  const line = `,"method":${jsonText(method)},"path":${jsonText(url)},"protocol":"HTTP/${httpVersion}"`;
  const figures = `,"status":${statusOf(response)},"bytes":${bytesOf(response, sentBytes)},"ms":${decimal(ms)}`;
  let tail = host === undefined ? '' : `,"host":${jsonText(host)}`;
  if (forwardedFor !== undefined) tail += `,"forwardedFor":${jsonText(forwardedFor)}`;
  if (referer !== undefined) tail += `,"referer":${jsonText(referer)}`;
  if (agent !== undefined) tail += `,"agent":${jsonText(agent)}`;
  return `${start}${line}${figures}${tail}}`;
}

function formatCombined(response: ServerResponse, { sentBytes }: AccessMeasures): string {
  const { req: request } = response;
  const { method, url, httpVersion } = request;
  const { referer, agent } = loggedHeaders(request);
  const line = quote(`${method} ${url} HTTP/${httpVersion}`);
  const bytes = bytesOf(response, sentBytes);
  const tail = `${quote(referer)} ${quote(agent)}`;
  return `${remoteOf(request)} - - [${combinedTime()}] ${line} ${statusOf(response)} ${bytes} ${tail}`;
}

interface LoggedHeaders {
  host: string | undefined;
  forwardedFor: string | undefined;
  referer: string | undefined;
  agent: string | undefined;
}

/** Found by their length first: Node makes an object of all headers where somebody asks for it, and only then. */
function loggedHeaders({ rawHeaders }: IncomingMessage): LoggedHeaders {
  const found: LoggedHeaders = {
    host: undefined,
    forwardedFor: undefined,
    referer: undefined,
    agent: undefined,
  };
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? '';
    const value = rawHeaders[index + 1] ?? '';
    // Of what may come only once the first counts, as in `request.headers`.
    if (name.length === 4 && isNamed(name, 'Host', 'host')) found.host ??= value;
    else if (name.length === 7 && isNamed(name, 'Referer', 'referer')) found.referer ??= value;
    else if (name.length === 10 && isNamed(name, 'User-Agent', 'user-agent')) found.agent ??= value;
    else if (name.length === 15 && isNamed(name, 'X-Forwarded-For', 'x-forwarded-for'))
      found.forwardedFor = found.forwardedFor === undefined ? value : `${found.forwardedFor}, ${value}`;
  }
  return found;
}

/** As nearly every client writes it, first. */
function isNamed(name: string, usual: string, lower: string): boolean {
  return name === usual || name.toLowerCase() === lower;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: it is they that must not get into a line
const needsEscape = /["\\\u0000-\u001f\ud800-\udfff]/;

function jsonText(text: string | undefined): string {
  if (text === undefined) return 'null';
  return needsEscape.test(text) ? JSON.stringify(text) : `"${text}"`;
}

const thousandths = Array.from({ length: 1000 }, (_, n) => String(n).padStart(3, '0'));

/** Milliseconds with three digits behind the point. */
function decimal(ms: number): string {
  const us = Math.round(ms * 1000);
  return `${Math.floor(us / 1000)}.${thousandths[us % 1000]}`;
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

// biome-ignore lint/suspicious/noControlCharactersInRegex: the same
const needsQuotes = /["\\\u0000-\u001f\u007f-\u009f]/;

/** Whatever a client sends stays within its quotes and its line. */
function quote(text: string | undefined): string {
  if (text === undefined || text === '') return '"-"';
  return needsQuotes.test(text) ? `"${text.replace(/["\\\p{Cc}]/gu, escapeCharacter)}"` : `"${text}"`;
}

function escapeCharacter(character: string): string {
  if (character === '"' || character === '\\') return `\\${character}`;
  return `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
}

const months = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');
let second = 0;
/** `2026-11-22T16:07:17.` and `22/Nov/2026:16:07:17 +0000`, made once a second. */
let isoSecond = '';
let combinedSecond = '';

function findSecond(now: number): void {
  if (now >= second && now < second + 1000) return;
  second = Math.floor(now / 1000) * 1000;
  const [date = '', time = ''] = new Date(second).toISOString().split(/[T.]/);
  const [year, month, day] = date.split('-');
  isoSecond = `${date}T${time}.`;
  combinedSecond = `${day}/${months[Number(month) - 1]}/${year}:${time} +0000`;
}

function isoTime(): string {
  const now = Date.now();
  findSecond(now);
  return `${isoSecond}${thousandths[now - second]}Z`;
}

function combinedTime(): string {
  findSecond(Date.now());
  return combinedSecond;
}
