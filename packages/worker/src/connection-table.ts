import { subscribe } from 'node:diagnostics_channel';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Http2Stream, ServerHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';
import {
  type Connection,
  connectionOf,
  createConnection,
  quietMs,
  requestName,
  viewConnection,
} from './connection.ts';
import { type IdleBudgets, mayDestroy } from './connection-verdict.ts';
import { endEventStream, isEventStream } from './event-stream.ts';
import type { HandOffSender } from './hand-off/sender.ts';
import { mayHandOff } from './hand-off/verdict.ts';
import { createHttp2Connection, endEventStreams, leaveHttp2 } from './http2-connection.ts';
import { isClosing, markResponse } from './lame-duck.ts';
import { type Counts, shared } from './shared-state.ts';
import { asksForWebSocket, type CloseCode, closeWebSocket } from './web-socket.ts';

/** What the table tells while the application drains. */
export interface ConnectionListener {
  settled(): void;
  emptied(): void;
}

/**
 * The open connections of one server with their outstanding responses. While it serves, a response is settled when
 * Node's channel tells that it is finished, once for the process, and no listener is added for a request; while it
 * drains, on the response's `close`, when Node has let go of the connection too. What is left then is settled on the
 * socket's `close`: after an aborted request nothing is ever finished, and Node 20 forgets aborted pipelined responses.
 */
export class ConnectionTable {
  inFlight = 0;
  answered = 0;
  /** Hears of each response that is over, be it answered or given up; not of those of HTTP/2. */
  onEnded: ((response: ServerResponse) => void) | undefined;
  readonly #server: Pick<Server, 'timeout'>;
  /** In no order: each knows its place, and the last one takes that of one that leaves. A set is dearer. */
  readonly #connections: Connection[] = [];
  /** Connections whose response has ended since the last look, while draining. */
  #settled: Connection[] = [];
  #isLameDuck = false;
  #listener: ConnectionListener | undefined;
  #handOff: HandOffSender | undefined;
  /** Set once sessions are told to leave: late ones are told at once. */
  #closeCode: CloseCode | undefined;

  /**
   * @param server Whose `timeout`, 0 for none, its sockets have: what a handler sets by `request.setTimeout` is over with
   *   its answer.
   */
  constructor(server: Pick<Server, 'timeout'>) {
    this.#server = server;
  }

  get size(): number {
    return this.#connections.length;
  }

  get isLameDuck(): boolean {
    return this.#isLameDuck;
  }

  /** From now on answers ask the client to leave, where that loses nothing, and changes are told. */
  startLameDuck(listener: ConnectionListener): void {
    this.#isLameDuck = true;
    this.#listener = listener;
    for (const { pending } of this.#connections)
      for (const response of pending) response.on('close', onResponseClose);
    this.#markAll();
  }

  /** From now on idle connections move to a sibling, and answers on those that can move do not end them. */
  startHandOff(sender: HandOffSender): void {
    this.#handOff = sender;
  }

  endHandOff(): void {
    this.#handOff?.stop();
    this.#handOff = undefined;
    if (this.#isLameDuck) this.#markAll();
  }

  #markAll(): void {
    for (const connection of this.#connections) {
      if (this.#handOff?.canMove(connection)) continue;
      for (const response of connection.pending)
        if (!response.headersSent) markResponse(connection, response);
    }
  }

  /** A TLS socket takes the place of the connection whose handshake it has finished. */
  secure(socket: Socket): void {
    const raw = (socket as { _parent?: Socket })._parent;
    const handshake = raw === undefined ? undefined : connectionOf(raw);
    this.accept(socket);
    if (handshake !== undefined) this.forget(handshake);
  }

  accept(socket: Socket): Connection {
    const adopted = connectionOf(socket);
    if (adopted !== undefined) return adopted;
    const connection = createConnection(socket, this);
    connection.place = this.#connections.push(connection) - 1;
    socket.on('close', onSocketClose);
    return connection;
  }

  /** Counts a request. False for one behind an answer that closes its connection: it must not be run. */
  begin(request: IncomingMessage, response: ServerResponse): boolean {
    const connection = connectionOf(request.socket) ?? this.accept(request.socket);
    if (this.#isLameDuck) {
      if (isClosing(connection)) return false;
      if (!this.#handOff?.canMove(connection)) markResponse(connection, response);
      response.on('close', onResponseClose);
    }
    connection.pending.push(response);
    this.inFlight += 1;
    return true;
  }

  beginSession(request: IncomingMessage, socket: Socket): void {
    const connection = connectionOf(socket) ?? this.accept(socket);
    connection.session = requestName(request);
    connection.isWebSocket = asksForWebSocket(request);
    // The handshake is answered first.
    if (this.#closeCode !== undefined) setImmediate(() => this.#tell(connection));
  }

  /** Counts the streams of an HTTP/2 session. */
  beginHttp2(session: ServerHttp2Session): void {
    const connection = connectionOf(session.socket as Socket);
    if (connection === undefined) return;
    const http2 = createHttp2Connection(session);
    connection.http2 = http2;
    if (this.#closeCode !== undefined) leaveHttp2(http2, connection.socket);
  }

  beginStream(stream: Http2Stream, name: string): void {
    const http2 =
      stream.session === undefined ? undefined : connectionOf(stream.session.socket as Socket)?.http2;
    if (http2 === undefined) return;
    http2.streams.set(stream, name);
    this.inFlight += 1;
    stream.once('close', () => {
      if (!http2.streams.delete(stream)) return;
      this.inFlight -= 1;
      if (stream.rstCode === 0) this.answered += 1;
      this.#listener?.settled();
    });
  }

  /** Tells WebSockets (close frame) and HTTP/2 sessions (GOAWAY) to leave; those that begin later at once. */
  tellSessions(code: CloseCode): void {
    this.#closeCode = code;
    for (const connection of this.#connections) this.#tell(connection);
  }

  #tell(connection: Connection): void {
    const { http2, isWebSocket, socket } = connection;
    if (http2 !== undefined) leaveHttp2(http2, socket);
    if (isWebSocket && this.#closeCode !== undefined)
      connection.isTold = closeWebSocket(socket, this.#closeCode);
  }

  /** Ends event streams and WebSockets; gives the names of those that could not be told before. */
  cutSessions(): readonly string[] {
    const untold: string[] = [];
    for (const connection of this.#connections) {
      for (const response of connection.pending) if (isEventStream(response)) endEventStream(response);
      if (connection.http2 !== undefined) endEventStreams(connection.http2);
      if (!connection.isWebSocket) continue;
      if (!isFlushed(connection)) untold.push(connection.session ?? '');
      connection.socket.destroy();
    }
    return untold;
  }

  settle(connection: Connection, response: ServerResponse): void {
    const { pending, socket } = connection;
    // Nearly always the only one.
    if (pending.length === 1 && pending[0] === response) pending.pop();
    else {
      const index = pending.indexOf(response);
      if (index < 0) return;
      pending.splice(index, 1);
    }
    this.inFlight -= 1;
    if (response.writableFinished) this.answered += 1;
    this.onEnded?.(response);
    connection.unread = response.req.complete ? undefined : response.req;
    connection.settledBytes = socket.bytesRead;
    connection.idleSince = undefined;
    connection.headerSince = undefined;
    const { timeout } = socket;
    if (timeout !== undefined && timeout !== this.#server.timeout && pending.length === 0)
      socket.setTimeout(this.#server.timeout);
    if (this.#listener === undefined) return;
    this.#settled.push(connection);
    this.#listener.settled();
  }

  forget(connection: Connection): void {
    if (connection.place < 0) return;
    const last = this.#connections.pop();
    if (last !== undefined && last !== connection) {
      this.#connections[connection.place] = last;
      last.place = connection.place;
    }
    connection.place = -1;
    this.inFlight -= connection.pending.length + (connection.http2?.streams.size ?? 0);
    connection.http2?.streams.clear();
    for (const response of connection.pending) {
      if (!response.writableFinished) shared.requests.get(response.req)?.abort();
      this.onEnded?.(response);
    }
    connection.pending.length = 0;
    if (this.#connections.length === 0) this.#listener?.emptied();
  }

  /** Destroys what may be destroyed now; never `end()`: a late request would be run and could not be answered. */
  closeIdle(budgets: IdleBudgets): void {
    closeAmong(this.#connections.slice(), budgets, this.#handOff);
  }

  /** While serving: destroys connections on which nothing has come for so long. */
  closeQuiet(ms: number): void {
    const now = performance.now();
    for (const connection of this.#connections.slice())
      if (quietMs(connection, now) >= ms) connection.socket.destroy();
  }

  /** The same as `closeIdle` for those connections alone whose response has just ended: not all of them for each response. */
  closeSettled(budgets: IdleBudgets): void {
    const settled = this.#settled;
    this.#settled = [];
    closeAmong(settled, budgets, this.#handOff);
  }

  /** `METHOD /path` of everything unfinished. */
  names(): readonly string[] {
    return this.#connections.flatMap(({ pending, session, http2 }) => [
      ...(http2?.streams.values() ?? []),
      ...pending.map((response) => requestName(response.req)),
      ...(session === undefined ? [] : [session]),
    ]);
  }

  /** Tells the handlers of all unfinished requests that nobody will read their answer. */
  abortRequests(): void {
    for (const { pending } of this.#connections.slice()) {
      for (const response of pending) shared.requests.get(response.req)?.abort();
    }
  }

  destroyAll(): void {
    for (const { socket } of this.#connections.slice()) socket.destroy();
  }

  counts(): Counts {
    let idle = 0;
    let sessions = 0;
    for (const { pending, session, http2 } of this.#connections) {
      if (session !== undefined) sessions += 1;
      else if (pending.length + (http2?.streams.size ?? 0) === 0) idle += 1;
    }
    return { open: this.size, idle, sessions, inFlight: this.inFlight, answered: this.answered };
  }
}

/** Was everything up to the close frame taken by the system? */
function isFlushed({ isTold, socket }: Connection): boolean {
  return isTold && socket.writableLength === 0;
}

function closeAmong(
  connections: Iterable<Connection>,
  budgets: IdleBudgets,
  handOff: HandOffSender | undefined,
): void {
  const now = performance.now();
  for (const connection of connections) {
    const view = viewConnection(connection, now);
    if (handOff !== undefined && mayHandOff(view) && handOff.offer(connection)) continue;
    if (mayDestroy(view, budgets)) connection.socket.destroy();
  }
}

interface FinishedMessage {
  readonly response: ServerResponse;
  readonly socket: Socket;
}

// One listener for the process instead of one for each response.
subscribe('http.server.response.finish', (message) => {
  const { response, socket } = message as FinishedMessage;
  const connection = connectionOf(socket);
  if (connection?.table.isLameDuck === false) connection.table.settle(connection, response);
});

function onResponseClose(this: ServerResponse): void {
  const connection = connectionOf(this.req.socket);
  connection?.table.settle(connection, this);
}

function onSocketClose(this: Socket): void {
  const connection = connectionOf(this);
  connection?.table.forget(connection);
}
