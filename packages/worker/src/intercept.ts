import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Server as TlsServer } from 'node:tls';
import type { ConnectionTable } from './connection-table.ts';
import { answerProbe, findProbe, type ProbePaths } from './probes.ts';

/** What the interception needs from the life of the application. */
export interface InterceptOptions extends ProbePaths {
  readonly table: ConnectionTable;
  phase(): 'starting' | 'ready' | 'draining';
}

type Emit = (this: unknown, event: string | symbol, ...args: unknown[]) => boolean;

/**
 * Puts counting and probes between Node's parser and whatever listens on the server, by replacing `server.emit`:
 * the only place that all frameworks share and that `checkContinue` and `upgrade` pass too.
 */
export function interceptServer(server: Server, options: InterceptOptions): void {
  const { table } = options;
  const connectionEvent = server instanceof TlsServer ? 'secureConnection' : 'connection';
  server.prependListener(connectionEvent, (socket: Socket) => table.accept(socket));
  const emit = server.emit as Emit;

  function dispatch(event: string | symbol, request: IncomingMessage, response: ServerResponse): boolean {
    const probe = findProbe(request, options);
    if (probe === undefined) return emit.call(server, event, request, response);
    answerProbe(probe, options.phase(), response);
    return true;
  }

  function emitCounted(event: string | symbol, ...args: unknown[]): boolean {
    if (event === 'request' || event === 'checkContinue' || event === 'checkExpectation') {
      const [request, response] = args as [IncomingMessage, ServerResponse];
      if (!table.begin(request, response)) return true;
      if (!table.isLameDuck) return dispatch(event, request, response);
      // The parser first reads to the end of what has arrived: only then is it known whether the request is
      // complete and the last one, that is, whether its answer may close the connection.
      process.nextTick(dispatch, event, request, response);
      return true;
    }
    if (event === 'upgrade' || event === 'connect') {
      table.beginSession(args[0] as IncomingMessage, args[1] as Socket);
    }
    return emit.call(server, event, ...args);
  }
  server.emit = emitCounted;
}
