import { connect, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';

/** What all clients of a test have seen. */
export interface KeptTally {
  sent: number;
  answered: number;
  /** Connections that ended before the client ended them. */
  readonly closes: string[];
  /** Answers that asked to close. */
  askedToClose: number;
  readonly wrong: string[];
  readonly latenciesMs: number[];
}

export function emptyTally(): KeptTally {
  return { sent: 0, answered: 0, closes: [], askedToClose: 0, wrong: [], latenciesMs: [] };
}

const answerMs = 20_000;

/** Where a client connects: a port of a host, or a unix socket. */
export type KeptTarget = { readonly host: string; readonly port: number } | { readonly path: string };

/** One HTTP/1.1 connection that is never opened again and whose requests are never repeated. */
export class KeptClient {
  readonly #socket: Socket;
  readonly #tally: KeptTally;
  readonly #name: string;
  #buffer = '';
  #isOver = false;
  #count = 0;
  #wake: () => void = () => undefined;

  constructor(port: number | KeptTarget, name: string, tally: KeptTally) {
    this.#name = name;
    this.#tally = tally;
    const target = typeof port === 'number' ? { host: '127.0.0.1', port } : port;
    this.#socket = connect({ ...target, noDelay: true });
    this.#socket.setEncoding('latin1').on('data', (text: string) => {
      this.#buffer += text;
      this.#wake();
    });
    this.#socket.on('error', (error) => this.#closed(error.message));
    this.#socket.on('end', () => this.#closed('FIN'));
  }

  get isClosed(): boolean {
    return this.#socket.destroyed;
  }

  connected(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#socket.connecting) this.#socket.once('connect', () => resolve());
      else resolve();
    });
  }

  /** Sends `count` requests at once, on one packet, and waits for all answers; each carries an id of its own. */
  async send(count = 1, query = '', body = ''): Promise<void> {
    if (this.isClosed) return;
    const ids = Array.from({ length: count }, () => `${this.#name}-${this.#count++}`);
    const head = body === '' ? '' : `Content-Length: ${body.length}\r\n`;
    const verb = body === '' ? 'GET' : 'POST';
    this.#tally.sent += count;
    const startedAt = performance.now();
    this.#socket.write(
      ids.map((id) => `${verb} /?id=${id}${query} HTTP/1.1\r\nHost: t\r\n${head}\r\n${body}`).join(''),
    );
    for (const id of ids) await this.#answer(id);
    this.#tally.latenciesMs.push(performance.now() - startedAt);
  }

  /** Sends and thinks until told to stop. */
  async keepSending(isOver: () => boolean, thinkMs: number): Promise<void> {
    for (let n = 0; !isOver() && !this.isClosed; n++) {
      await wait(Math.random() * thinkMs);
      if (n % 7 === 3) await this.send(3);
      else if (n % 7 === 5) await this.send(1, '&ms=60');
      else await this.send(1, '', n % 2 === 0 ? '' : 'x'.repeat(16_384));
    }
  }

  end(): void {
    this.#isOver = true;
    this.#socket.destroy();
  }

  async #answer(id: string): Promise<void> {
    const deadline = performance.now() + answerMs;
    for (;;) {
      const [head = '', length] =
        /^HTTP\/1\.1 200[\s\S]*?content-length: (\d+)[\s\S]*?\r\n\r\n/i.exec(this.#buffer) ?? [];
      const total = head.length + Number(length ?? 0);
      if (head !== '' && this.#buffer.length >= total) {
        this.#check(id, head, this.#buffer.slice(head.length, total));
        this.#buffer = this.#buffer.slice(total);
        return;
      }
      if (this.isClosed) return;
      if (performance.now() > deadline) {
        this.#tally.wrong.push(`${id}: no answer within ${answerMs} ms`);
        this.#socket.destroy();
        return;
      }
      await Promise.race([
        new Promise<void>((resolve) => (this.#wake = resolve)),
        wait(1000, undefined, { ref: false }),
      ]);
    }
  }

  #check(id: string, head: string, body: string): void {
    if (/connection: close/i.test(head)) this.#tally.askedToClose += 1;
    if (JSON.parse(body).id === id) this.#tally.answered += 1;
    else this.#tally.wrong.push(`${id}: ${body}`);
  }

  #closed(reason: string): void {
    if (!this.#isOver) this.#tally.closes.push(`${this.#name}: ${reason}`);
    this.#socket.destroy();
    this.#wake();
  }
}

/** Answers with the id, and writes it to a ledger: what runs twice stands there twice. */
export const ledgerApplication = `
import { appendFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
export default async (request, response) => {
  const query = new URL(request.url, 'http://x').searchParams;
  appendFileSync('ledger', query.get('id') + '\\n');
  if (query.has('ms')) await wait(Number(query.get('ms')));
  for await (const _ of request);
  response.end(JSON.stringify({ pid: process.pid, id: query.get('id') }));
};
`;

export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
