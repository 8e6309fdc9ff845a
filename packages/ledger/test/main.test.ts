import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { LedgerResult } from '../src/result.ts';
import { startServer } from './faulty-server.ts';

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));

async function runMain(args: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = once(child, 'exit');
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), exited]);
  return { code, out, err };
}

test('a load that loses nothing exits 0 and prints a table without colours into a pipe', async () => {
  const server = await startServer();
  const { code, out } = await runMain([
    server.url,
    '--count',
    '60',
    '--mix',
    'get=2,post',
    '--connections',
    '6',
  ]);
  await server.close();
  assert.equal(code, 0);
  assert.match(out, /sent 60, answered 60, lost 0/);
  assert.match(out, /^all +60 +60 +0 /m);
  assert.ok(!out.includes('\u001b'));
});

test('a load with a loss exits 1, and --json prints the whole ledger as one document', async () => {
  const server = await startServer(({ response, number }) => {
    if (number === 7) response.writeHead(502).end();
    return number === 7;
  });
  const { code, out } = await runMain([server.url, '--count', '30', '--mix', 'get', '--json']);
  await server.close();
  assert.equal(code, 1);
  const result = JSON.parse(out) as LedgerResult;
  assert.equal(result.sent, 30);
  assert.deepEqual(result.errorStatuses, { 502: 1 });
  assert.match(result.losses[0]?.id ?? '', new RegExp(`^${result.runId}-\\d+$`));
});

test('--help exits 0', async () => {
  const { code, out } = await runMain(['--help']);
  assert.equal(code, 0);
  assert.match(out, /^Usage: /);
});

test('SIGTERM ends the load with its ledger', async () => {
  const server = await startServer();
  const child = spawn(process.execPath, [main, server.url, '--duration', '10m', '--mix', 'get'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const out = text(child.stdout);
  await once(server.server, 'request');
  child.kill('SIGTERM');
  const [code] = await once(child, 'exit');
  await server.close();
  assert.equal(code, 0);
  assert.match(await out, /lost 0/);
});

const url = 'http://127.0.0.1:1';
for (const args of [
  [],
  [url, url],
  ['127.0.0.1:80'],
  ['https://127.0.0.1'],
  [url, '--connections', '0'],
  [url, '--connections', '1.5'],
  [url, '--duration', '10'],
  [url, '--duration', '0s'],
  [url, '--count', 'many'],
  [url, '--mix', 'gets=1'],
  [url, '--rate', 'fast'],
  [url, '--timeout', '99999h'],
  [url, '--unknown'],
]) {
  test(`bad usage exits 2 with one line that says why: ${args.join(' ') || '(nothing)'}`, async () => {
    const { code, out, err } = await runMain(args);
    assert.equal(code, 2);
    assert.equal(out, '');
    assert.match(err, /\S/);
    assert.ok(!err.includes('    at '), err);
  });
}
