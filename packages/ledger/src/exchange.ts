import {
  type Agent,
  type ClientRequest,
  type IncomingMessage,
  type RequestOptions,
  request as sendRequest,
} from 'node:http';
import type { Socket } from 'node:net';
import { judge, type Outcome } from './outcome.ts';

/** How a request reaches its connection: an agent's (kept alive or fresh), or a socket that is open already. */
export type Via = { readonly agent: Agent } | { readonly socket: Socket };

/** One request as it will be sent. */
export interface Plan {
  readonly url: URL;
  readonly id: string;
  readonly method: 'GET' | 'POST';
  /** Path with its query; `id` is added to it. */
  readonly path: string;
  readonly via: Via;
  readonly timeoutMs: number;
  /** The time that the request itself asks the server to take; it does not count as latency. */
  readonly askedMs?: number;
  /** A whole body (sent with its length), or one that is written bit by bit (sent in chunks). */
  readonly body?: Buffer | ((request: ClientRequest) => void);
  /** Whether this is the right body for the request. */
  readonly isRight: (body: Buffer) => boolean;
}

/** Everything noted while the request is under way. */
interface Notes {
  startedAt: number;
  timedOut: boolean;
  socket: Socket | undefined;
  isConnected: boolean;
  isReused: boolean;
  readBefore: number;
  errorCode: string | undefined;
  response: IncomingMessage | undefined;
  chunks: Buffer[];
}

/** Sockets that carried a request: Node's own `reusedSocket` stays false for a request that had to queue. */
const usedSockets = new WeakSet<Socket>();

function noteSocket(notes: Notes, socket: Socket): void {
  notes.socket = socket;
  notes.isReused = usedSockets.has(socket);
  usedSockets.add(socket);
  notes.readBefore = socket.bytesRead;
  notes.isConnected = !socket.connecting;
  if (socket.connecting) {
    socket.once('connect', () => {
      notes.isConnected = true;
    });
  }
}

function requestOptions(plan: Plan): RequestOptions {
  const { url, via, body } = plan;
  const separator = plan.path.includes('?') ? '&' : '?';
  const { hostname } = url;
  return {
    host: hostname.startsWith('[') ? hostname.slice(1, -1) : hostname,
    port: url.port === '' ? 80 : Number(url.port),
    method: plan.method,
    path: `${plan.path}${separator}id=${encodeURIComponent(plan.id)}`,
    headers: {
      host: url.host,
      'x-request-id': plan.id,
      ...(body === undefined ? {} : { 'content-type': 'application/octet-stream' }),
      ...(Buffer.isBuffer(body) ? { 'content-length': body.length } : {}),
    },
    ...('agent' in via ? { agent: via.agent } : { createConnection: () => via.socket }),
  };
}

function outcomeOf(plan: Plan, notes: Notes): Outcome {
  const { response } = notes;
  const isComplete = response?.complete === true;
  return judge({
    timedOut: notes.timedOut,
    isConnected: notes.isConnected,
    isReused: notes.isReused,
    receivedBytes: (notes.socket?.bytesRead ?? 0) - notes.readBefore,
    errorCode: notes.errorCode,
    answer:
      response === undefined
        ? undefined
        : {
            status: response.statusCode ?? 0,
            isComplete,
            isRight: isComplete && plan.isRight(Buffer.concat(notes.chunks)),
          },
    latencyMs: Math.max(0, performance.now() - notes.startedAt - (plan.askedMs ?? 0)),
  });
}

function sendBody(request: ClientRequest, plan: Plan, notes: Notes): void {
  if (typeof plan.body !== 'function') {
    request.end(plan.body);
    return;
  }
  // the client itself takes its time over this body, so the server's clock runs from the body's last byte
  request.once('finish', () => {
    notes.startedAt = performance.now();
  });
  plan.body(request);
}

function receive(request: ClientRequest, response: IncomingMessage, notes: Notes): void {
  notes.response = response;
  response.on('data', (chunk: Buffer) => notes.chunks.push(chunk));
  response.on('error', (error: NodeJS.ErrnoException) => {
    notes.errorCode ??= error.code;
  });
  response.once('end', () => {
    // an answer that came before the upload's end: nobody reads the rest
    if (!request.writableEnded) request.destroy();
  });
}

function newNotes(): Notes {
  return {
    startedAt: performance.now(),
    timedOut: false,
    socket: undefined,
    isConnected: false,
    isReused: false,
    readBefore: 0,
    errorCode: undefined,
    response: undefined,
    chunks: [],
  };
}

function start(plan: Plan, notes: Notes, resolve: (outcome: Outcome) => void): void {
  const request = sendRequest(requestOptions(plan));
  const deadline = setTimeout(() => {
    notes.timedOut = true;
    request.destroy();
  }, plan.timeoutMs);
  const settleOnceClosed = (): void => {
    if (!request.closed || notes.response?.closed === false) return;
    clearTimeout(deadline);
    resolve(outcomeOf(plan, notes));
  };
  request.once('socket', (socket) => noteSocket(notes, socket));
  request.once('response', (response) => {
    receive(request, response, notes);
    response.once('close', settleOnceClosed);
  });
  request.on('error', (error: NodeJS.ErrnoException) => {
    notes.errorCode ??= error.code;
  });
  request.once('close', settleOnceClosed);
  sendBody(request, plan, notes);
}

/**
 * Sends one request and says how it ended. Never retries, never rejects. It resolves only when request and answer
 * are both closed, so that the agent has its connection back (or has dropped it) before the next request.
 */
export function exchange(plan: Plan): Promise<Outcome> {
  return new Promise((resolve) => start(plan, newNotes(), resolve));
}
