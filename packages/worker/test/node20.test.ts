import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:http2';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { fetchText, RawClient } from './support/raw-client.ts';
import { reapWorkers, spawnWorker } from './support/spawn-worker.ts';

after(reapWorkers);

/** Every node on the PATH, of which the first of major 20 is taken. */
function findNode20(): string | undefined {
  const folders = (process.env.PATH ?? '').split(path.delimiter).map((folder) => path.join(folder, 'node'));
  return folders.find((node) => {
    if (!existsSync(node)) return false;
    return spawnSync(node, ['--version'], { encoding: 'utf8', timeout: 10_000 }).stdout.startsWith('v20.');
  });
}

const node = findNode20();
const skip = node === undefined ? 'no Node 20 on the PATH' : false;

test('on Node 20 a worker serves CommonJS, answers an accepted silent connection while draining, exits 0', {
  skip,
}, async () => {
  const worker = spawnWorker('named.cjs', { node: node ?? '' });
  await worker.message('ready');
  const silent = await RawClient.connect(worker.port);
  assert.match(await fetchText(worker.port, '/hello'), /hello$/);
  worker.kill('SIGTERM');
  await worker.message('draining');
  silent.get('/hello');
  assert.equal(await silent.ended, 'end');
  assert.match(silent.text, /Connection: close\r\n[\s\S]*hello$/);
  assert.equal(await worker.exited, 0);
  assert.match(worker.stderr(), /shutdown ran/);
});

test('on Node 20 a worker serves a fetch handler', { skip }, async () => {
  const worker = spawnWorker('fetch-export.mjs', { node: node ?? '' });
  await worker.message('ready');
  assert.match(await fetchText(worker.port, '/hello'), /content-length: 5\r\n[\s\S]*hello$/i);
  worker.kill('SIGTERM');
  assert.equal(await worker.exited, 0);
});

test('on Node 20 an imported module that does not parse is told with its place', {
  skip,
}, async (context) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'lameduck-worker-'));
  context.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(path.join(folder, 'deep.mjs'), 'const b = ;\n');
  writeFileSync(path.join(folder, 'app.mjs'), "import './deep.mjs';\n");
  const worker = spawnWorker(path.join(folder, 'app.mjs'), { node: node ?? '' });
  const { message } = await worker.message('failed');
  assert.ok(message.includes(` in ${path.join(folder, 'deep.mjs')}:1:11\n    const b = ;\n`), message);
  assert.equal(await worker.exited, 3);
});

test('on Node 20 an entry in TypeScript is refused with the Node that it needs', { skip }, async () => {
  const worker = spawnWorker('plain.ts', { node: node ?? '' });
  const { message } = await worker.message('failed');
  assert.match(message, /Node 22.18 or later, or JavaScript, was wanted: current value is v20\./);
  assert.equal(await worker.exited, 3);
});

test('on Node 20 an unchanged program leaves whole, its own handler last', { skip }, async () => {
  const worker = spawnWorker('programs/http.cjs', { node: node ?? '' });
  await worker.message('ready');
  const client = await RawClient.connect(worker.port);
  client.get('/slow');
  while (!worker.stderr().includes('slow began'))
    await once(worker.child.stderr ?? assert.fail(), 'data', { signal: AbortSignal.timeout(10_000) });
  worker.kill('SIGTERM');
  assert.equal(await client.ended, 'end');
  assert.match(client.text, /slow but whole$/);
  assert.equal(await worker.exited, 0);
  assert.match(worker.stderr(), /own handler\nclosed undefined\n$/);
});

for (const scheme of ['http', 'https']) {
  test(`R14: on Node 20 a session over ${scheme} leaves, and its stream completes`, { skip }, async () => {
    const keys = path.resolve(import.meta.dirname, 'keys');
    const files =
      scheme === 'http' ? {} : { certfile: path.join(keys, 'cert.pem'), keyfile: path.join(keys, 'key.pem') };
    const worker = spawnWorker('programs/slow.cjs', { node: node ?? '', http2: true, ...files });
    await worker.message('ready');
    const client = connect(`${scheme}://127.0.0.1:${worker.port}`, { rejectUnauthorized: false });
    const stream = client.request({ ':path': '/slow' });
    let body = '';
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      body += chunk;
    });
    while (!worker.stderr().includes('slow began'))
      await once(worker.child.stderr ?? assert.fail(), 'data', { signal: AbortSignal.timeout(10_000) });
    worker.kill('SIGTERM');
    await once(client, 'goaway', { signal: AbortSignal.timeout(10_000) });
    await once(stream, 'close', { signal: AbortSignal.timeout(10_000) });
    assert.equal(body, 'slow but whole');
    assert.equal(await worker.exited, 0);
    client.destroy();
  });
}
