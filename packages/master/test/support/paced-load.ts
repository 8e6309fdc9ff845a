import { emptyTally, KeptClient, type KeptTally } from './kept-client.ts';

const tickMs = 5;
/** Every so many requests one comes on a connection of its own, and one with a body. */
const freshEvery = 10;
const postEvery = 4;

/** So many requests a second, whether the answers come soon or not: what has to wait waits on one more connection. */
export class PacedLoad {
  readonly tally: KeptTally = emptyTally();
  readonly #port: number;
  readonly #perSecond: number;
  readonly #startedAt = performance.now();
  readonly #timer: NodeJS.Timeout;
  readonly #free: KeptClient[] = [];
  readonly #clients: KeptClient[] = [];
  readonly #answers = new Set<Promise<void>>();
  #begun = 0;
  #endedAt: number | undefined;

  constructor(port: number, perSecond: number) {
    this.#port = port;
    this.#perSecond = perSecond;
    this.#timer = setInterval(() => this.#catchUp(), tickMs);
  }

  /** Requests a second, since the start. */
  get rate(): number {
    return (1000 * this.tally.sent) / ((this.#endedAt ?? performance.now()) - this.#startedAt);
  }

  get connections(): number {
    return this.#clients.length;
  }

  /** Sends nothing more, and waits for what is on its way. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#endedAt = performance.now();
    await Promise.all(this.#answers);
    for (const client of this.#clients) client.end();
  }

  #catchUp(): void {
    const due = ((performance.now() - this.#startedAt) * this.#perSecond) / 1000;
    while (this.#begun < due) {
      this.#begun += 1;
      const answer = this.#send(this.#begun);
      this.#answers.add(answer);
      void answer.then(() => this.#answers.delete(answer));
    }
  }

  async #send(number: number): Promise<void> {
    const isFresh = number % freshEvery === 0;
    const client = isFresh ? this.#open() : this.#take();
    await client.send(1, '', number % postEvery === 0 ? 'x'.repeat(16_384) : '');
    if (isFresh) client.end();
    else if (!client.isClosed) this.#free.push(client);
  }

  #take(): KeptClient {
    for (let client = this.#free.shift(); client !== undefined; client = this.#free.shift())
      if (!client.isClosed) return client;
    return this.#open();
  }

  #open(): KeptClient {
    const client = new KeptClient(this.#port, `c${this.#clients.length}`, this.tally);
    this.#clients.push(client);
    return client;
  }
}
