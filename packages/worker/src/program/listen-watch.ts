import type { Server } from 'node:http';
import { type ListenOptions, Server as NetServer } from 'node:net';
import { isHttpServer } from '../protocols.ts';

/** The first call of `listen()` of a program, held until it is decided where it listens. */
export interface HeldListen {
  readonly server: Server;
  /** Listens on the inherited socket; the program's own callback runs as if it were its own address. */
  takeOver(fd: number): Promise<void>;
  /** Listens where the program wanted. */
  release(): void;
}

type Listen = (this: NetServer, ...args: unknown[]) => NetServer;
// Called with `call` and `apply` only.
const listen = NetServer.prototype.listen as unknown as Listen;

/**
 * Watches the program for its first call of `listen()` on an HTTP server, and holds it. What listens at last is seen
 * by the program as its own doing: `listening` is always told later, never within the call.
 */
export class ListenWatch {
  /** Resolves with the first call; never where there is none. */
  readonly first: Promise<HeldListen>;
  #held: HeldListen | undefined;
  #isTakenOver = false;
  #askedPort = 0;
  #resolve: (held: HeldListen) => void = () => undefined;

  constructor() {
    this.first = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    const watch = this;
    NetServer.prototype.listen = function (this: NetServer, ...args: unknown[]): NetServer {
      return watch.#listen(this, args);
    } as typeof NetServer.prototype.listen;
  }

  get held(): HeldListen | undefined {
    return this.#held;
  }

  /** From now on the program listens wherever it wants. */
  end(): void {
    NetServer.prototype.listen = listen as unknown as typeof NetServer.prototype.listen;
  }

  #listen(server: NetServer, args: unknown[]): NetServer {
    // Our own, on an inherited descriptor, and what is no HTTP.
    if (!isHttpServer(server) || descriptorOf(args) !== undefined) return listen.apply(server, args);
    if (this.#held === undefined) this.#hold(server, args);
    else if (this.#isSameAddress(args)) pretend(server, args);
    else return listen.apply(server, args);
    return server;
  }

  #hold(server: Server, args: unknown[]): void {
    this.#askedPort = portOf(args);
    const takeOver = async (fd: number): Promise<void> => {
      this.#isTakenOver = true;
      await listenOn(server, fd, callbackOf(args));
    };
    this.#held = { server, takeOver, release: () => void listen.apply(server, args) };
    this.#resolve(this.#held);
  }

  /** Fastify listens on each address of `localhost`: one socket serves them all. */
  #isSameAddress(args: unknown[]): boolean {
    const port = portOf(args);
    const own = this.#held?.server.address();
    const isOwn = typeof own === 'object' && own !== null && own.port === port;
    return this.#isTakenOver && port !== 0 && (port === this.#askedPort || isOwn);
  }
}

function listenOn(server: Server, fd: number, callback: (() => void) | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    if (callback !== undefined) server.once('listening', callback);
    server.once('listening', () => {
      server.removeListener('error', reject);
      resolve();
    });
    listen.call(server, { fd, backlog: 511 });
  });
}

function pretend(server: NetServer, args: unknown[]): void {
  const callback = callbackOf(args);
  if (callback !== undefined) server.once('listening', callback);
  process.nextTick(() => server.emit('listening'));
}

function optionsOf([first]: unknown[]): ListenOptions & { fd?: number } {
  return typeof first === 'object' && first !== null ? first : {};
}

function descriptorOf(args: unknown[]): number | undefined {
  return optionsOf(args).fd;
}

function portOf(args: unknown[]): number {
  const [first] = args;
  const port = typeof first === 'object' ? optionsOf(args).port : first;
  const number = Number(port ?? 0);
  return Number.isInteger(number) ? number : 0;
}

function callbackOf(args: unknown[]): (() => void) | undefined {
  const last = args.at(-1);
  return typeof last === 'function' ? (last as () => void) : undefined;
}
