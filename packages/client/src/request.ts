import type { ErrorBody } from '@lameduck/core';
import type { ClientOptions } from './client.ts';
import { ApiError } from './error.ts';
import type { Answer } from './fetch.ts';

/** As in core, which this package takes only types of: it goes into a page. */
const apiRevision = '1';
const apiHeader = 'lameduck-api';
const versionHeader = 'lameduck-version';

export interface Request {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly body?: object;
  /** Idempotency key. */
  readonly key?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

export type Requester = (request: Request) => Promise<Answer>;

/** Asks the API; an answer that is an error is thrown as `ApiError`. */
export function createRequester({ fetch, url, token, headers = {} }: ClientOptions): Requester {
  return async ({ method, path, query = {}, body, key, headers: own = {}, signal }) => {
    const sent = {
      [apiHeader]: apiRevision,
      ...headers,
      ...own,
      ...authorize(typeof token === 'function' ? token() : token),
      ...(key === undefined ? {} : { 'idempotency-key': key }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    };
    const asking = {
      ...{ method, headers: sent },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    };
    const answer = await fetch(`${url}${path}${format(query)}`, asking).catch((cause: unknown) => {
      signal?.throwIfAborted();
      throw new ApiError('unreachable', 'Cannot reach the controller', undefined, {}, cause);
    });
    refuseOtherRevision(answer);
    if (answer.status < 400) return answer;
    throw await readError(answer, path);
  };
}

function authorize(token: string | undefined): Readonly<Record<string, string>> {
  return token === undefined ? {} : { authorization: `Bearer ${token}` };
}

function format(query: NonNullable<Request['query']>): string {
  const told = Object.entries(query).filter(([, value]) => value !== undefined && value !== '');
  if (told.length === 0) return '';
  return `?${told.map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`).join('&')}`;
}

/** Throws `apiMismatch`, `notTheApi`. */
function refuseOtherRevision(answer: Answer): void {
  const revision = answer.headers.get(apiHeader);
  if (revision === apiRevision) return;
  const version = answer.headers.get(versionHeader);
  if (revision === null) {
    // before the first revision there was no header; a proxy or another program has none either
    const message = `Cannot talk to what answered (status ${answer.status}): a lameduck with API revision ${apiRevision} is wanted: it is older, or something else answers there`;
    throw new ApiError('notTheApi', message, answer.status);
  }
  const which =
    Number(revision) > Number(apiRevision) ? 'newer: update this side' : 'older: update the daemon';
  const message = `Cannot talk to lameduck ${version ?? 'of an unknown version'}: API revision ${apiRevision} is wanted: current value is ${revision}, which is ${which}`;
  throw new ApiError('apiMismatch', message, answer.status, { revision, version });
}

async function readError(answer: Answer, path: string): Promise<ApiError> {
  const text = await answer.text().catch(() => '');
  try {
    const { code, message, details } = (JSON.parse(text) as ErrorBody).error;
    return new ApiError(code, message, answer.status, { ...(details as object) });
  } catch {
    return new ApiError(
      'notTheApi',
      `Cannot read the answer to ${path}: status ${answer.status}`,
      answer.status,
    );
  }
}
