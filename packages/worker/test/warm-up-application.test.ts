import assert from 'node:assert/strict';
import { get } from 'node:https';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, test } from 'node:test';
import { reapWorkers, type SpawnedWorker, spawnWorker } from './support/spawn-worker.ts';

after(reapWorkers);

const app = 'counts-warm-up.mjs';
const keys = join(import.meta.dirname, 'keys');

async function ask({ port }: SpawnedWorker): Promise<string> {
  return (await fetch(`http://127.0.0.1:${port}/`)).text();
}

test('before a worker is ready its application has answered each path 20 times, and nothing is counted', async () => {
  const worker = spawnWorker(app, { warmUp: ['/', '/list?page=1'] });
  await worker.message('ready');
  const { counts } = await worker.message('beat');
  assert.deepEqual([counts.open, counts.answered], [0, 0]);
  assert.equal(await ask(worker), 'asked 40 times');
  assert.equal(worker.stderr(), '');
});

test('a path that fails is named in the log, asked once, and keeps no worker from being ready', async () => {
  const worker = spawnWorker(app, { warmUp: ['/broken', '/'] });
  await worker.message('ready');
  assert.equal(await ask(worker), 'asked 21 times');
  assert.match(worker.stderr(), /"path":"\/broken","reason":"status 500"/);
});

test('an application behind TLS is warmed up as well', async () => {
  const worker = spawnWorker(app, {
    warmUp: ['/'],
    certfile: join(keys, 'cert.pem'),
    keyfile: join(keys, 'key.pem'),
  });
  await worker.message('ready');
  const answer = await new Promise<string>((resolve, reject) => {
    const options = { port: worker.port, host: '127.0.0.1', rejectUnauthorized: false };
    get(options, (response) => resolve(text(response))).on('error', reject);
  });
  assert.equal(answer, 'asked 20 times');
});

test('a program that listens by itself is warmed up before it listens', async () => {
  const worker = spawnWorker('programs/counts.cjs', { warmUp: ['/'] });
  await worker.message('ready');
  assert.equal(await ask(worker), 'asked 20 times');
});
