import { type Connection, viewConnection } from '../connection.ts';
import { Pace } from './pace.ts';
import { type ConnectionHandle, handleOf, isBetweenRequests, isTransferable } from './transferable.ts';
import { mayHandOff } from './verdict.ts';

/** What the sender needs from the world. */
export interface HandOffChannel {
  /** Sends a copy of the handle to the master; throws, or calls `failed` later, where that is impossible. */
  send(connection: number, handle: ConnectionHandle, failed: () => void): void;
  /** No sibling can take anything over. */
  refused(): void;
}

/**
 * Connections out of service at a time: the rest is served here meanwhile, however slow the siblings are. Node's
 * channels pass one handle at a time, so that more would only wait longer (measured: 8 took as long in all, and twice
 * as long each); one more than makes a sibling look busy to the master, so that a silent one does not hold up all.
 */
const windowSize = 3;

/**
 * Hands idle connections over. One that is under way is not read any more, yet stays open and counted until the
 * master tells that a sibling has it: one that nobody takes is simply read on. Closing our copy then closes nothing
 * for the client.
 */
export class HandOffSender {
  readonly #channel: HandOffChannel;
  readonly #underWay = new Map<number, Connection>();
  readonly #moving = new Set<Connection>();
  readonly #waiting = new Set<Connection>();
  readonly #staying = new WeakSet<Connection>();
  readonly #pace = new Pace(() => this.#fillWindow());
  #next = 1;

  constructor(channel: HandOffChannel) {
    this.#channel = channel;
  }

  /** Will this connection be handed over once it is idle? Then no answer on it may close it. */
  canMove(connection: Connection): boolean {
    return !this.#staying.has(connection) && isTransferable(connection.socket);
  }

  /** Hands an idle connection over, now or as soon as others have arrived; false where it has to stay for now. */
  offer(connection: Connection): boolean {
    if (this.#moving.has(connection)) return true;
    if (!this.canMove(connection) || !isBetweenRequests(connection.socket)) return false;
    this.#waiting.add(connection);
    this.#fillWindow();
    return !this.#staying.has(connection);
  }

  /** The master's answer. */
  answered(number: number, isTaken: boolean): void {
    const connection = this.#underWay.get(number);
    if (connection === undefined) return;
    this.#underWay.delete(number);
    this.#moving.delete(connection);
    if (isTaken) connection.socket.destroy();
    else {
      readOn(connection);
      this.stop();
      this.#channel.refused();
    }
    this.#fillWindow();
  }

  /** Nothing more is sent; what is under way goes on. */
  stop(): void {
    this.#waiting.clear();
    this.#pace.stop();
  }

  /**
   * The master is gone, and nobody can tell who has what is under way: a sibling may read it already, so we must not.
   */
  abandon(): void {
    this.stop();
    for (const { socket } of this.#underWay.values()) socket.destroy();
    this.#underWay.clear();
    this.#moving.clear();
  }

  #fillWindow(): void {
    for (const connection of this.#waiting) {
      if (this.#underWay.size >= windowSize || !this.#pace.mayGo()) return;
      this.#waiting.delete(connection);
      // It may have got a request while it waited; it is offered again after the answer.
      const isIdle = mayHandOff(viewConnection(connection, performance.now()));
      if (!isIdle || !isBetweenRequests(connection.socket)) continue;
      this.#move(connection);
      this.#pace.gone(this.#waiting.size);
    }
  }

  #move(connection: Connection): void {
    const handle = handleOf(connection.socket);
    if (handle === undefined) return;
    const number = this.#next++;
    // From here on bytes stay in the system, for whoever reads next.
    handle.readStop();
    this.#underWay.set(number, connection);
    this.#moving.add(connection);
    try {
      this.#channel.send(number, handle, () => {
        this.#keep(number);
        this.#fillWindow();
      });
    } catch {
      this.#keep(number);
    }
  }

  /** It was never sent: it stays here for good. */
  #keep(number: number): void {
    const connection = this.#underWay.get(number);
    if (connection === undefined) return;
    this.#underWay.delete(number);
    this.#moving.delete(connection);
    this.#staying.add(connection);
    readOn(connection);
  }
}

function readOn({ socket }: Connection): void {
  if (!socket.destroyed) handleOf(socket)?.readStart();
}
