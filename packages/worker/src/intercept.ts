import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Http2Stream, IncomingHttpHeaders, ServerHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';
import type { Bouncer } from './bounce.ts';
import { requestName } from './connection.ts';
import type { ConnectionTable } from './connection-table.ts';
import { announceKeepAlive } from './keep-alive.ts';
import type { RequestObserver } from './observe/request-observer.ts';
import { type Emit, passOn } from './pass-on.ts';
import { answerProbe, findProbe, type ProbePaths } from './probes.ts';
import { type LimitOptions, limitRequests } from './request-limits.ts';
import { isTlsServer } from './secure.ts';

/** What the interception needs from the life of the application. */
export interface InterceptOptions extends ProbePaths {
  readonly limits: LimitOptions;
  readonly table: ConnectionTable;
  readonly bouncer: Bouncer;
  readonly keepAliveMs: number;
  /** Only where answers are measured or logged. */
  readonly observer?: RequestObserver | undefined;
  phase(): 'starting' | 'ready' | 'draining';
}

/**
 * Puts counting and probes between Node's parser and whatever listens on the server, by replacing `server.emit`:
 * the only place that all frameworks share and that `checkContinue` and `upgrade` pass too. `request` and `connection`
 * are the events of the hot path: taken without making a list of their arguments. The `connect` of HTTP/2 is a stream like others.
 * Returns what ends the counting, where somebody else counts; probes and limits stay.
 */
// biome-ignore lint/complexity/noExcessiveLinesPerFunction: its inner functions share one server; apart they would be longer
export function interceptServer(server: Server, options: InterceptOptions): () => void {
  const { table, bouncer, observer, keepAliveMs } = options;
  if (observer !== undefined) table.onEnded = (response) => observer.ended(response);
  const limits = limitRequests(server, options.limits);
  let isCounting = true;
  const ignoreSecured = countSecured(server, table);
  const emit = server.emit as Emit;
  const pass = passOn(server);
  if (options.limits.limitRequestBody > 0) continueLate(server, emit);

  function dispatch(event: string, request: IncomingMessage, response: ServerResponse): boolean {
    const probe = findProbe(request, options);
    if (probe === undefined) {
      if (limits?.admit(request, response) === false) return true;
      return pass(event, request, response);
    }
    answerProbe(probe, options.phase(), response);
    return true;
  }

  function dispatchCounted(event: string, request: IncomingMessage, response: ServerResponse): boolean {
    if (!isCounting) return dispatch(event, request, response);
    // One of HTTP/2 is counted as a stream.
    const isHttp2 = request.httpVersionMajor === 2;
    if (!isHttp2 && !table.begin(request, response)) return true;
    observer?.begin(response, isHttp2);
    if (isHttp2) return dispatch(event, request, response);
    announceKeepAlive(response, keepAliveMs);
    if (!table.isLameDuck) return dispatch(event, request, response);
    // The parser first reads to the end of what has arrived: only then is it known whether the request is
    // complete and the last one, that is, whether its answer may close the connection.
    process.nextTick(dispatchLate, event, request, response);
    return true;
  }

  function dispatchLate(event: string, request: IncomingMessage, response: ServerResponse): void {
    if (!bouncer.isOn || findProbe(request, options) !== undefined || !bouncer.takes(request))
      dispatch(event, request, response);
  }

  function emitCounted(event: string | symbol, ...args: unknown[]): boolean {
    if (event === 'checkContinue' || event === 'checkExpectation')
      return dispatchCounted(event, args[0] as IncomingMessage, args[1] as ServerResponse);
    if (isCounting && isBounced(event, args)) return true;
    return emit.call(server, event, ...args);
  }

  /** Counts what is no request, unless it is bounced. */
  function isBounced(event: string | symbol, args: unknown[]): boolean {
    switch (event) {
      case 'upgrade':
      case 'connect':
        if ((args[0] as IncomingMessage).httpVersionMajor === 2) break;
        if (bouncer.isOn && bouncer.takes(args[0] as IncomingMessage)) return true;
        table.beginSession(args[0] as IncomingMessage, args[1] as Socket);
        break;
      case 'session':
        table.beginHttp2(args[0] as ServerHttp2Session);
        break;
      case 'stream':
        table.beginStream(args[0] as Http2Stream, streamName(args[1] as IncomingHttpHeaders));
        break;
    }
    return false;
  }
  server.emit = (event: string | symbol, first?: unknown, second?: unknown, ...more: unknown[]): boolean => {
    if (event === 'request')
      return dispatchCounted(event, first as IncomingMessage, second as ServerResponse);
    if (event !== 'connection') return emitCounted(event, first, second, ...more);
    if (isCounting) table.accept(first as Socket);
    return emit.call(server, event, first);
  };
  return () => {
    isCounting = false;
    ignoreSecured();
  };
}

/** Counts connections whose handshake is over; returns what ends it. */
function countSecured(server: Server, table: ConnectionTable): () => void {
  const secure = (socket: Socket): void => table.secure(socket);
  if (isTlsServer(server)) server.prependListener('secureConnection', secure);
  return () => server.removeListener('secureConnection', secure);
}

function streamName({ ':method': method, ':path': path }: IncomingHttpHeaders): string {
  return requestName({ method: String(method ?? 'GET'), url: String(path ?? '/') });
}

/** By itself Node says `100 Continue` before anybody could refuse the body. */
function continueLate(server: Server, emit: Emit): void {
  server.once('listening', () => {
    if (server.listenerCount('checkContinue') > 0) return;
    server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
      response.writeContinue();
      // Past the interception: it has been counted.
      emit.call(server, 'request', request, response);
    });
  });
}
