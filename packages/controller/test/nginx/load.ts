import { Agent, request } from 'node:http';
import type { Backend } from './harness.ts';

/** What the clients saw: every request that got no complete, right answer is lost. */
export interface LoadResult {
  readonly sent: number;
  readonly lost: readonly string[];
  readonly duplicates: number;
}

export interface Load {
  /** Lets requests under way end and gives the ledger. */
  stop(): Promise<LoadResult>;
}

let nextLoad = 0;

/** Mixed GET and POST, one after the other on each connection, without retries. */
export function startLoad(
  port: number,
  backends: readonly Backend[],
  { connections, isKeepAlive }: { connections: number; isKeepAlive: boolean },
): Load {
  nextLoad += 1;
  const prefix = `load-${nextLoad}-`;
  const lost: string[] = [];
  let sent = 0;
  let isStopping = false;
  async function client(): Promise<void> {
    const agent = new Agent({ keepAlive: isKeepAlive, maxSockets: 1 });
    while (!isStopping) {
      sent += 1;
      const problem = await sendOne(
        port,
        agent,
        `${prefix}${sent}`,
        sent % 2 === 0 ? 1 + (sent % 16_000) : 0,
      );
      if (problem !== undefined) lost.push(problem);
    }
    agent.destroy();
  }
  const clients = Array.from({ length: connections }, client);
  return {
    stop: async () => {
      isStopping = true;
      await Promise.all(clients);
      const ran = backends.flatMap(({ asked }) => asked.filter((id) => id.startsWith(prefix)));
      return { sent, lost, duplicates: ran.length - new Set(ran).size };
    },
  };
}

/** Gives what went wrong, or nothing. */
async function sendOne(
  port: number,
  agent: Agent,
  id: string,
  bodyBytes: number,
): Promise<string | undefined> {
  const method = bodyBytes > 0 ? 'POST' : 'GET';
  return await new Promise((resolve) => {
    const options = { host: '127.0.0.1', port, method, agent, timeout: 20_000 };
    const headers = { 'x-id': id, ...(bodyBytes > 0 ? { 'content-length': bodyBytes } : {}) };
    const outgoing = request({ ...options, headers }, (incoming) => {
      let text = '';
      incoming.setEncoding('utf8');
      incoming.on('data', (chunk: string) => {
        text += chunk;
      });
      incoming.once('error', (problem) => resolve(`${id} ${problem.message}`));
      incoming.once('end', () => {
        const isRight = incoming.statusCode === 200 && text.endsWith(` ${method} ${bodyBytes}`);
        resolve(isRight ? undefined : `${id} ${method} ${incoming.statusCode} ${text.slice(0, 60)}`);
      });
    });
    outgoing.once('timeout', () => outgoing.destroy(new Error('no answer within 20 s')));
    outgoing.once('error', (problem) => resolve(`${id} ${method} ${problem.message}`));
    outgoing.end(Buffer.alloc(bodyBytes, 'x'));
  });
}
