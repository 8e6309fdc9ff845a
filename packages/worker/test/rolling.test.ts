import assert from 'node:assert/strict';
import { Agent, request } from 'node:http';
import { after, test } from 'node:test';
import { delay } from './support/raw-client.ts';
import { bindSocket, reapWorkers, type SpawnedWorker, spawnWorker } from './support/spawn-worker.ts';

after(reapWorkers);

/** One POST without retries; resolves with what went wrong, or undefined. */
function post(agent: Agent, port: number, body: Buffer): Promise<string | undefined> {
  return new Promise((resolve) => {
    const options = { agent, port, host: '127.0.0.1', method: 'POST', path: '/upload', timeout: 10_000 };
    const sent = request(options, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      response.on('end', () =>
        resolve(text.startsWith(`${body.length} `) ? undefined : `wrong answer ${text}`),
      );
      response.on('error', (error) => resolve(error.message));
    });
    sent.on('timeout', () => sent.destroy(new Error('timed out')));
    sent.on('error', (error) => resolve(error.message));
    sent.end(body);
  });
}

test('R1: 12 workers replaced in turn on one socket under keep-alive POSTs of 16 KB lose nothing', async () => {
  const { handle, port } = bindSocket();
  const spawn = async (): Promise<SpawnedWorker> => {
    const worker = spawnWorker('plain.ts', { lingerMs: 2000, socket: handle });
    await worker.message('ready');
    return worker;
  };
  let current = await spawn();
  const agent = new Agent({ keepAlive: true, maxSockets: 16 });
  const body = Buffer.alloc(16_384, 'b');
  const lost: string[] = [];
  let sent = 0;
  let isOver = false;
  const clients = Array.from({ length: 16 }, async () => {
    while (!isOver) {
      sent += 1;
      const problem = await post(agent, port, body);
      if (problem !== undefined) lost.push(problem);
      await delay(1);
    }
  });
  for (let round = 0; round < 12; round += 1) {
    const next = await spawn();
    current.kill('SIGTERM');
    assert.equal(await current.exited, 0);
    current = next;
  }
  isOver = true;
  await Promise.all(clients);
  agent.destroy();
  assert.deepEqual(lost, []);
  assert.ok(sent > 500, `only ${sent} requests were sent`);
});
