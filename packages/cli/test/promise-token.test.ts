import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { promiseToken } from '../src/promise-token.ts';

const commands = 2;
const rounds = 100;

function temporaryFolder(test: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'lameduck-test-'));
  test.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** Each round all of them ask at the same moment, in a state folder that has no token yet. */
const askTogether = `
  const { workerData, parentPort } = require('node:worker_threads');
  const { module, folder, commands, rounds, barrier } = workerData;
  import(module).then(({ promiseToken }) => {
    const arrived = new Int32Array(barrier);
    const tokens = [];
    for (let round = 0; round < rounds; round += 1) {
      Atomics.add(arrived, round, 1);
      while (Atomics.load(arrived, round) < commands);
      try {
        tokens.push(promiseToken(folder + '/' + round));
      } catch (error) {
        tokens.push(error.message);
      }
    }
    parentPort.postMessage(tokens);
  });
`;

function askAll(folder: string): Promise<string[][]> {
  const barrier = new SharedArrayBuffer(4 * rounds);
  const module = new URL('../src/promise-token.ts', import.meta.url).href;
  return Promise.all(
    Array.from({ length: commands }, () => {
      const workerData = { module, folder, commands, rounds, barrier };
      const thread = new Worker(askTogether, { eval: true, workerData });
      return new Promise<string[]>((resolve, reject) => {
        thread.once('message', resolve).once('error', reject);
      });
    }),
  );
}

test('commands that start at the same moment agree on one whole token, and leave nothing else', async (t) => {
  const folder = temporaryFolder(t);
  for (let round = 0; round < rounds; round += 1) mkdirSync(join(folder, String(round)));
  const asked = await askAll(folder);
  for (let round = 0; round < rounds; round += 1) {
    const tokens = new Set(asked.map((tokens) => tokens[round]));
    assert.equal(tokens.size, 1, [...tokens].join());
    assert.match([...tokens][0] ?? '', /^[0-9a-f]{32}$/);
    assert.deepEqual(readdirSync(join(folder, String(round))), ['promise-token']);
  }
});

test('the token is kept, and is for its owner alone', (t) => {
  const folder = temporaryFolder(t);
  const token = promiseToken(folder);
  assert.equal(promiseToken(folder), token);
  assert.equal(statSync(join(folder, 'promise-token')).mode & 0o777, 0o600);
});

test('what is no token is told, and left as it is', (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, 'promise-token'), 'guess\n');
  assert.throws(
    () => promiseToken(folder),
    /32 hexadecimal digits must stand there .* is 5 other characters$/,
  );
});
