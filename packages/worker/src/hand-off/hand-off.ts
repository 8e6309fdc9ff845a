import type { Server } from 'node:http';
import type { MasterToWorker } from '@lameduck/core';
import type { ConnectionTable } from '../connection-table.ts';
import { serveAdopted } from './adopt.ts';
import { HandOffSender } from './sender.ts';
import { type ConnectionHandle, socketOn } from './transferable.ts';

/** The way to the siblings, through the master. */
export interface HandOffLink {
  /** Sends a copy of the handle; throws, or calls `failed` later, where that is impossible. */
  offer(connection: number, handle: ConnectionHandle, failed: () => void): void;
  /** Tells what became of an adoption; `done` learns whether the message has reached the system. */
  adopted(connection: number, isTaken: boolean, done: (isWritten: boolean) => void): void;
}

/** What the hand-off needs from the life of the application. */
export interface HandOffOwner {
  readonly server: Server;
  readonly table: ConnectionTable;
  readonly keepAliveMs: number;
  isServing(): boolean;
  replaced(): void;
  terminate(): void;
  /** No sibling can take a connection over. */
  refused(): void;
}

/** Both sides of the hand-off in one worker: gives its connections away while it leaves, adopts those of siblings. */
export class HandOff {
  readonly sender: HandOffSender;
  readonly #link: HandOffLink;
  readonly #owner: HandOffOwner;

  constructor(link: HandOffLink, owner: HandOffOwner) {
    this.#link = link;
    this.#owner = owner;
    this.sender = new HandOffSender({
      send: (connection, handle, failed) => link.offer(connection, handle, failed),
      refused: () => owner.refused(),
    });
  }

  /** Acts on the master's messages about connections; ignores all others. */
  hear(message: MasterToWorker | null, handle: unknown): void {
    switch (message?.type) {
      case 'leave':
        this.#owner.replaced();
        this.#owner.terminate();
        return;
      case 'handedOff':
        this.sender.answered(message.connection, message.isTaken);
        return;
      case 'adopt':
        if (handle !== undefined && handle !== null)
          this.#adopt(message.connection, handle as ConnectionHandle);
        return;
      default:
    }
  }

  masterLost(): void {
    this.sender.abandon();
    this.#owner.refused();
  }

  /**
   * Tells first and reads then: if we die in between, the master knows that no byte is lost and finds another
   * sibling. What is adopted counts as open at once, so that no drain can overlook it.
   */
  #adopt(connection: number, handle: ConnectionHandle): void {
    const { server, table } = this.#owner;
    if (!this.#owner.isServing()) {
      handle.close();
      this.#link.adopted(connection, false, () => undefined);
      return;
    }
    const socket = socketOn(handle, server);
    table.accept(socket);
    this.#link.adopted(connection, true, (isWritten) => {
      if (!isWritten) socket.destroy();
      else if (!socket.destroyed) serveAdopted(server, socket, this.#owner.keepAliveMs);
    });
  }
}
