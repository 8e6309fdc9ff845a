import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { formatAccess } from '../../src/observe/access-line.ts';
import { AccessLog } from '../../src/observe/access-log.ts';
import { Latency } from '../../src/observe/latency.ts';

function temporaryFile(test: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'lameduck-access-'));
  test.after(() => rmSync(folder, { recursive: true }));
  return join(folder, 'access.log');
}

function response(url: string, agent: string, writableFinished = true): ServerResponse {
  const socket = { remoteAddress: '10.0.0.1', bytesWritten: 150 };
  const req = { method: 'GET', url, httpVersion: '1.1', rawHeaders: ['User-Agent', agent], socket };
  return { req, statusCode: 200, writableFinished } as unknown as ServerResponse;
}

it('every line is written once and whole when the log is closed, however many there were', async (test) => {
  const path = temporaryFile(test);
  const log = new AccessLog(path);
  const lines = Array.from({ length: 20_000 }, (_, n) => `line ${n} ${'x'.repeat(n % 50)}`);
  for (const [n, line] of lines.entries()) {
    log.write(line);
    // So that some are on their way when it is closed.
    if (n % 3000 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await log.close();
  assert.deepEqual(readFileSync(path, 'utf8').trimEnd().split('\n'), lines);
});

it('lines before a reopen are in the file that was moved away, those after it in the new one', async (test) => {
  const path = temporaryFile(test);
  const log = new AccessLog(path);
  for (let n = 0; n < 100; n++) log.write(`old ${n}`);
  renameSync(path, `${path}.1`);
  log.reopen();
  for (let n = 0; n < 100; n++) log.write(`new ${n}`);
  await log.close();
  const count = (file: string, start: string): number =>
    readFileSync(file, 'utf8')
      .trimEnd()
      .split('\n')
      .filter((line) => line.startsWith(start)).length;
  assert.deepEqual([count(`${path}.1`, 'old'), count(path, 'new')], [100, 100]);
  assert.deepEqual([count(`${path}.1`, 'new'), count(path, 'old')], [0, 0]);
});

it('a client can forge no line: quotes, backslashes and control characters are escaped', () => {
  const evil = response('/a"b', 'x\\" 200 1 "-\n127.0.0.1 - - forged\u0007');
  const measures = { ms: 1.5, sentBytes: 50 };
  const combined = formatAccess(evil, measures, 'combined');
  assert.doesNotMatch(combined, /\p{Cc}/u);
  assert.match(combined, /"GET \/a\\"b HTTP\/1\.1" 200 100 "-" "x\\\\\\" 200 1 \\"-\\x0a127/);
  const json = formatAccess(evil, measures, 'json');
  assert.doesNotMatch(json, /\p{Cc}/u);
  assert.equal((JSON.parse(json) as { agent: string }).agent, evil.req.rawHeaders[1]);
});

it('an answer that the client did not wait for is logged as 499', () => {
  assert.match(formatAccess(response('/', 'x', false), { ms: 1, sentBytes: 0 }, 'combined'), / 499 150 /);
});

it('counts an answer in the first bucket that is not exceeded, and what is slower than all in the last', () => {
  const latency = new Latency([10, 100]);
  for (const ms of [0.5, 10, 10.1, 100, 101]) latency.observe(ms);
  assert.deepEqual(latency.counts(), { buckets: [2, 2, 1], sumMs: 221.6 });
});
