import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { Agent as SecureAgent, request as secureRequest } from 'node:https';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

export interface Answer {
  readonly status: number;
  readonly body: { readonly pid: number; readonly path: string };
  readonly connection: string | undefined;
}

/** One request, never retried; rejects on anything but a complete answer within the deadline. */
export function ask(port: number, path: string, agent: Agent | false = false, body = ''): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const method = body === '' ? 'GET' : 'POST';
    const isSecure = agent instanceof SecureAgent;
    const options = { host: '127.0.0.1', port, path, method, agent, rejectUnauthorized: false };
    const sent = (isSecure ? secureRequest : request)(options, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('error', reject);
      response.on('end', () => {
        if (!response.complete) reject(new Error('truncated answer'));
        const { statusCode = 0, headers } = response;
        resolve({ status: statusCode, body: JSON.parse(text), connection: headers.connection });
      });
    });
    sent.once('error', reject);
    sent.setTimeout(20_000, () => sent.destroy(new Error('no answer')));
    sent.end(body);
  });
}

export interface Clients {
  readonly keepAlive: number;
  readonly fresh: number;
  readonly thoughtful?: number;
  readonly bodyBytes?: number;
  /** Clients that keep their connection speak TLS. */
  readonly isSecure?: boolean;
}

/** Of each request another one. */
export function bodyOf(number: number, bytes: number): string {
  const unit = `${number},`;
  return unit.repeat(Math.ceil(bytes / unit.length)).slice(0, bytes);
}

/** The server's own account: every number once, with the body that was sent. */
export function assertLedger(directory: string, sent: number): void {
  const lines = readFileSync(join(directory, 'ledger'), 'utf8').trim().split('\n');
  assert.deepEqual(
    lines.filter((line) => line.endsWith('bad')),
    [],
    'bodies that did not arrive as sent',
  );
  assert.equal(new Set(lines).size, lines.length, 'a request ran twice');
  assert.equal(lines.length, sent);
}

/** What a load has sent and what of it got no complete, right answer. */
export class Load {
  sent = 0;
  readonly losses: string[] = [];
  readonly pids = new Set<number>();
  readonly #port: number;
  readonly #bodyBytes: number;
  readonly #agents: Agent[] = [];
  readonly #isSecure: boolean;
  readonly #loops: Promise<void>[] = [];
  #isOn = true;

  /** `thoughtful` clients keep their connection too, and leave it idle for up to 60 ms between requests. */
  constructor(port: number, clients: Clients) {
    this.#port = port;
    this.#bodyBytes = clients.bodyBytes ?? 2000;
    this.#isSecure = clients.isSecure === true;
    for (let n = 0; n < clients.keepAlive; n++) this.#loops.push(this.#run(this.#agent(), n, 0));
    for (let n = 0; n < (clients.thoughtful ?? 0); n++) this.#loops.push(this.#run(this.#agent(), n, 60));
    for (let n = 0; n < clients.fresh; n++) this.#loops.push(this.#run(false, n, 0));
  }

  #agent(): Agent {
    const agent = new (this.#isSecure ? SecureAgent : Agent)({ keepAlive: true, maxSockets: 1 });
    this.#agents.push(agent);
    return agent;
  }

  async stop(): Promise<void> {
    this.#isOn = false;
    await Promise.all(this.#loops);
    for (const agent of this.#agents) agent.destroy();
  }

  async #run(agent: Agent | false, offset: number, thinkMs: number): Promise<void> {
    for (let n = offset; this.#isOn; n++) {
      if (thinkMs > 0) await wait(Math.random() * thinkMs);
      const bytes = n % 2 === 0 ? 0 : this.#bodyBytes;
      const number = this.sent++;
      const path = `/?n=${number}&bytes=${bytes}`;
      try {
        const answer = await ask(this.#port, path, agent, bodyOf(number, bytes));
        if (answer.status !== 200 || answer.body.path !== path) throw new Error(`status ${answer.status}`);
        this.pids.add(answer.body.pid);
      } catch (error) {
        this.losses.push(`${path} ${agent === false ? 'fresh' : 'keep-alive'} ${(error as Error).message}`);
      }
    }
  }
}
