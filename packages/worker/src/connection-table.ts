import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import {
  type Connection,
  connectionOf,
  createConnection,
  requestName,
  viewConnection,
} from './connection.ts';
import { type IdleBudgets, mayDestroy } from './connection-verdict.ts';
import { isClosing, markResponse } from './lame-duck.ts';
import { type Counts, shared } from './shared-state.ts';

/** What the table tells while the application drains. */
export interface ConnectionListener {
  settled(): void;
  emptied(): void;
}

/**
 * The open connections of one server with their outstanding responses. Settled on the response's and, for what
 * is left then, on the socket's `close`: after an aborted request `finish` never comes, and Node 20 forgets
 * aborted pipelined responses. Nothing here allocates a closure for a request.
 */
export class ConnectionTable {
  inFlight = 0;
  answered = 0;
  readonly #connections = new Set<Connection>();
  /** Connections whose response has ended since the last look, while draining. */
  #settled: Connection[] = [];
  #isLameDuck = false;
  #listener: ConnectionListener | undefined;

  get size(): number {
    return this.#connections.size;
  }

  get isLameDuck(): boolean {
    return this.#isLameDuck;
  }

  /** From now on answers ask the client to leave, where that loses nothing, and changes are told. */
  startLameDuck(listener: ConnectionListener): void {
    this.#isLameDuck = true;
    this.#listener = listener;
    for (const connection of this.#connections) {
      for (const response of connection.pending)
        if (!response.headersSent) markResponse(connection, response);
    }
  }

  accept(socket: Socket): Connection {
    const connection = createConnection(socket, this);
    this.#connections.add(connection);
    socket.on('close', onSocketClose);
    return connection;
  }

  /** Counts a request. False for one behind an answer that closes its connection: it must not be run. */
  begin(request: IncomingMessage, response: ServerResponse): boolean {
    const connection = connectionOf(request.socket) ?? this.accept(request.socket);
    if (this.#isLameDuck) {
      if (isClosing(connection)) return false;
      markResponse(connection, response);
    }
    connection.pending.push(response);
    this.inFlight += 1;
    response.on('close', onResponseClose);
    return true;
  }

  beginSession(request: IncomingMessage, socket: Socket): void {
    const connection = connectionOf(socket) ?? this.accept(socket);
    connection.session = requestName(request);
  }

  settle(connection: Connection, response: ServerResponse): void {
    const { pending, socket } = connection;
    const index = pending[0] === response ? 0 : pending.indexOf(response);
    if (index < 0) return;
    if (index === 0) pending.shift();
    else pending.splice(index, 1);
    this.inFlight -= 1;
    if (response.writableFinished) this.answered += 1;
    connection.unread = response.req.complete ? undefined : response.req;
    connection.settledBytes = socket.bytesRead;
    connection.idleSince = undefined;
    connection.headerSince = undefined;
    if (this.#listener === undefined) return;
    this.#settled.push(connection);
    this.#listener.settled();
  }

  forget(connection: Connection): void {
    if (!this.#connections.delete(connection)) return;
    this.inFlight -= connection.pending.length;
    for (const response of connection.pending) {
      if (!response.writableFinished) shared.requests.get(response.req)?.abort();
    }
    connection.pending.length = 0;
    if (this.#connections.size === 0) this.#listener?.emptied();
  }

  /** Destroys what may be destroyed now; never `end()`: a late request would be run and could not be answered. */
  closeIdle(budgets: IdleBudgets): void {
    closeAmong(this.#connections, budgets);
  }

  /** The same for those connections alone whose response has just ended: not all of them for each response. */
  closeSettled(budgets: IdleBudgets): void {
    const settled = this.#settled;
    this.#settled = [];
    closeAmong(settled, budgets);
  }

  /** `METHOD /path` of everything unfinished. */
  names(): readonly string[] {
    return [...this.#connections].flatMap(({ pending, session }) => [
      ...pending.map((response) => requestName(response.req)),
      ...(session === undefined ? [] : [session]),
    ]);
  }

  /** Tells the handlers of all unfinished requests that nobody will read their answer. */
  abortRequests(): void {
    for (const { pending } of this.#connections) {
      for (const response of pending) shared.requests.get(response.req)?.abort();
    }
  }

  destroyAll(): void {
    for (const { socket } of this.#connections) socket.destroy();
  }

  counts(): Counts {
    let idle = 0;
    let sessions = 0;
    for (const { pending, session } of this.#connections) {
      if (session !== undefined) sessions += 1;
      else if (pending.length === 0) idle += 1;
    }
    return { open: this.size, idle, sessions, inFlight: this.inFlight, answered: this.answered };
  }
}

function closeAmong(connections: Iterable<Connection>, budgets: IdleBudgets): void {
  const now = performance.now();
  for (const connection of connections) {
    if (mayDestroy(viewConnection(connection, now), budgets)) connection.socket.destroy();
  }
}

function onResponseClose(this: ServerResponse): void {
  const connection = connectionOf(this.req.socket);
  connection?.table.settle(connection, this);
}

function onSocketClose(this: Socket): void {
  const connection = connectionOf(this);
  connection?.table.forget(connection);
}
