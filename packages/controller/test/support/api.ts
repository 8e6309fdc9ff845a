import { type IncomingMessage, type RequestOptions, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { after, before } from 'node:test';
import { systemClock } from '../../src/adapters/system/clock.ts';
import type { ApiOptions } from '../../src/api/options.ts';
import { createRoutes } from '../../src/api/routes.ts';
import { serveTcpApi, type TcpApiServer, type TcpOptions } from '../../src/api/server.ts';
import { createTcpDoor } from '../../src/api/tcp-door.ts';
import { hashToken } from '../../src/api/tokens.ts';
import { makeRig, never, type Rig, type RigOptions } from './rig.ts';

export const tokens = { ops: 'ops-secret-0123456789', eyes: 'eyes-secret-0123456789' } as const;

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
  /** The first line, parsed. */
  readonly json: unknown;
  readonly lines: unknown[];
}

export interface Api {
  readonly port: number;
  readonly server: TcpApiServer;
  /** As the operator where nothing else is said. */
  ask(method: string, path: string, how?: Ask): Promise<Answer>;
  close(): Promise<void>;
}

export interface Ask {
  readonly token?: string | undefined;
  readonly body?: string;
  readonly headers?: Record<string, string>;
}

/** The API of a rig on TCP with the tokens above. */
export async function openApi(
  rig: Rig,
  options: ApiOptions = {},
  tcp: Pick<TcpOptions, 'limits' | 'tls'> = {},
): Promise<Api> {
  const door = createTcpDoor(
    [
      { name: 'ops', role: 'operator', hash: hashToken(tokens.ops) },
      { name: 'eyes', role: 'viewer', hash: hashToken(tokens.eyes) },
    ],
    ['ops.example.com'],
    systemClock,
  );
  const routes = createRoutes(rig.controller, { version: '9.9.9', ...options });
  const server = await serveTcpApi(routes, { host: '127.0.0.1', port: 0, door, ...tcp });
  return {
    port: server.port,
    server,
    ask: (method, path, how = {}) => askAt(server.port, method, path, how),
    close: () => server.close(),
  };
}

export interface UsedApi {
  readonly rig?: RigOptions;
  readonly api?: ApiOptions;
  readonly tcp?: Pick<TcpOptions, 'limits' | 'tls'>;
}

/** For the tests of one suite: a rig and its API, open from before the first of them until after the last. */
export function useApi(options: UsedApi = {}): { readonly rig: Rig; readonly api: Api } {
  let rig: Rig;
  let api: Api;
  before(async () => {
    rig = makeRig(options.rig);
    await rig.controller.open(never);
    api = await openApi(rig, options.api, options.tcp);
  });
  after(async () => {
    await api.close();
    await rig.controller.close(AbortSignal.abort());
  });
  return {
    get rig() {
      return rig;
    },
    get api() {
      return api;
    },
  };
}

export async function askAt(port: number, method: string, path: string, how: Ask): Promise<Answer> {
  const token = 'token' in how ? how.token : tokens.ops;
  const headers = { ...(token === undefined ? {} : { authorization: `Bearer ${token}` }), ...how.headers };
  const options: RequestOptions = { host: '127.0.0.1', port, method, path, headers, agent: false };
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request(options).on('error', reject).on('response', resolve).end(how.body);
  });
  const body = await text(response);
  const lines = body
    .split('\n')
    .filter((line) => line !== '')
    .map(parse);
  return { status: response.statusCode ?? 0, headers: response.headers, text: body, json: lines[0], lines };
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

export function codeOf({ json }: Answer): string | undefined {
  return (json as { error?: { code?: string } } | undefined)?.error?.code;
}

/** Server-sent events of one connection, as they come. */
export interface EventClient {
  readonly events: { readonly id: string; readonly event: string; readonly data: unknown }[];
  /** Resolves with the first event, so far or to come, for which it is true. */
  until(isWanted: (event: EventClient['events'][number]) => boolean): Promise<EventClient['events'][number]>;
  close(): void;
}

export async function listen(
  port: number,
  lastEventId?: string,
  token: string = tokens.eyes,
): Promise<EventClient> {
  const headers = {
    authorization: `Bearer ${token}`,
    ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
  };
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request({ host: '127.0.0.1', port, path: '/v1/events', headers, agent: false })
      .on('error', reject)
      .on('response', resolve)
      .end();
  });
  const events: EventClient['events'] = [];
  const waiting = new Set<() => void>();
  let buffered = '';
  response.setEncoding('utf8').on('error', () => {});
  response.on('data', (chunk: string) => {
    buffered += chunk;
    const parts = buffered.split('\n\n');
    buffered = parts.pop() ?? '';
    for (const part of parts) {
      const field = (name: string): string =>
        part
          .split('\n')
          .find((line) => line.startsWith(`${name}: `))
          ?.slice(name.length + 2) ?? '';
      if (field('event') === '') continue;
      events.push({ id: field('id'), event: field('event'), data: JSON.parse(field('data')) });
    }
    for (const wake of waiting) wake();
  });
  return {
    events,
    async until(isWanted) {
      for (const deadline = Date.now() + 10_000; ; ) {
        const found = events.find(isWanted);
        if (found !== undefined) return found;
        if (Date.now() > deadline)
          throw new Error(`waited in vain; came: ${events.map(({ event }) => event)}`);
        const { promise, resolve } = Promise.withResolvers<void>();
        const timer = setTimeout(resolve, 1000);
        waiting.add(resolve);
        await promise;
        clearTimeout(timer);
        waiting.delete(resolve);
      }
    },
    close: () => response.destroy(),
  };
}
