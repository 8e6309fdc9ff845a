import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { pick } from '../content.ts';
import { exchange } from '../exchange.ts';
import type { Outcome } from '../outcome.ts';
import { isAnswerTo } from './get.ts';
import type { Connection, Sent, Traffic } from './traffic.ts';

function openSocket(url: URL): Socket {
  const { hostname } = url;
  return connect({
    host: hostname.startsWith('[') ? hostname.slice(1, -1) : hostname,
    port: url.port === '' ? 80 : Number(url.port),
  });
}

/** Resolves to the loss if the connection cannot be made. */
async function waitConnected(socket: Socket, timeoutMs: number): Promise<Outcome | undefined> {
  const deadline = AbortSignal.timeout(Math.ceil(timeoutMs));
  try {
    await once(socket, 'connect', { signal: deadline });
    return undefined;
  } catch (error) {
    socket.destroy();
    if (deadline.aborted) return { ok: false, reason: 'timeout' };
    const { code } = error as NodeJS.ErrnoException;
    return { ok: false, reason: 'refused', ...(code === undefined ? {} : { code }) };
  }
}

/** Keeps the connection silent for `ms`; true if it is still open then and the load goes on. */
function staySilent(socket: Socket, ms: number, stopped: AbortSignal): Promise<boolean> {
  const endings = ['end', 'error', 'close'];
  return new Promise((resolve) => {
    const settle = (isUsable: boolean): void => {
      clearTimeout(timer);
      stopped.removeEventListener('abort', giveUp);
      for (const event of endings) socket.off(event, giveUp);
      resolve(isUsable && !socket.destroyed);
    };
    const timer = setTimeout(() => settle(!stopped.aborted), ms);
    const giveUp = (): void => settle(false);
    for (const event of endings) socket.on(event, giveUp);
    stopped.addEventListener('abort', giveUp);
    if (stopped.aborted) giveUp();
    socket.resume(); // a socket that nobody reads never tells of its end
  });
}

async function send(connection: Connection): Promise<Sent | undefined> {
  const { settings, stopped } = connection;
  const socket = openSocket(settings.url);
  const failure = await waitConnected(socket, settings.timeoutMs);
  if (failure !== undefined) return { id: connection.begin(), method: 'GET', outcome: failure };
  socket.on('error', () => {}); // during the silence an error only means that the connection is gone
  if (!(await staySilent(socket, pick(settings.shapes.lateMs), stopped))) {
    socket.destroy();
    return undefined;
  }
  const id = connection.begin();
  const outcome = await exchange({
    url: settings.url,
    id,
    method: 'GET',
    path: '/fast',
    via: { socket },
    timeoutMs: settings.timeoutMs,
    isRight: isAnswerTo(id),
  });
  socket.destroy();
  return { id, method: 'GET', outcome };
}

/**
 * Connections whose first byte comes late: accepted, silent, then a request. Where the server ends the silence, no
 * request was sent and none is lost; the result counts such connections as `closedUnused`.
 */
export const late: Traffic = { send, isFresh: true };
