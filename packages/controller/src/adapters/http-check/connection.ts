import { connect, type Socket } from 'node:net';
import type { Address } from '@lameduck/core';

/** Who uses a connection at the moment. */
export interface ConnectionUser {
  received(text: string): void;
  /** No more will come; `error` where it was no orderly end. */
  ended(error: Error | undefined): void;
}

// Reads are synchronous: what stands here is taken before the next read of any connection. Without it each of
// thousands of sockets would get memory of its own for each read.
const readBuffer = Buffer.allocUnsafe(65_536);

/** One connection to a target, used by one check after the other. */
export class Connection {
  user: ConnectionUser | undefined;
  uses = 0;
  idleSince = 0;
  #isOver = false;
  readonly #socket: Socket;

  /** `onIdleEnd` is told when the peer ends a connection that nobody uses. */
  constructor(address: Address, onIdleEnd: (connection: Connection) => void) {
    const onread = {
      buffer: readBuffer,
      callback: (bytes: number): boolean => {
        const text = readBuffer.toString('latin1', 0, bytes);
        if (this.user === undefined) this.#end(undefined, onIdleEnd);
        else this.user.received(text);
        return true;
      },
    };
    const to = address.kind === 'unix' ? { path: address.path } : { host: address.host, port: address.port };
    this.#socket = connect({ ...to, onread });
    this.#socket.setNoDelay(true);
    this.#socket.on('error', (error) => this.#end(error, onIdleEnd));
    this.#socket.on('end', () => this.#end(undefined, onIdleEnd));
    this.#socket.on('close', () => this.#end(undefined, onIdleEnd));
  }

  send(text: string, user: ConnectionUser): void {
    this.user = user;
    this.uses += 1;
    this.#socket.write(text, 'latin1');
  }

  destroy(): void {
    this.user = undefined;
    this.#isOver = true;
    this.#socket.destroy();
  }

  #end(error: Error | undefined, onIdleEnd: (connection: Connection) => void): void {
    if (this.#isOver) return;
    const { user } = this;
    this.destroy();
    if (user === undefined) onIdleEnd(this);
    else user.ended(error);
  }
}
