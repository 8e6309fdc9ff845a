import assert from 'node:assert/strict';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { asksForMain } from '../src/program/main-module.ts';
import { fetchText, RawClient } from './support/raw-client.ts';
import { appPath, reapWorkers, spawnWorker } from './support/spawn-worker.ts';

after(reapWorkers);

for (const name of ['guarded.cjs', 'guarded-argv.mjs', 'guarded-main.mjs', 'guarded-main.ts']) {
  test(`a program that only starts as the main module (${name}) is served, and sees its own command line`, async () => {
    const worker = spawnWorker(`programs/${name}`);
    await worker.message('ready');
    const answer = await fetchText(worker.port, '/hello');
    assert.equal(answer.split('\r\n\r\n')[1], JSON.stringify([appPath(`programs/${name}`)]));
    worker.kill('SIGTERM');
    assert.equal(await worker.exited, 0);
  });

  test(`the same (${name}) behind a symbolic link, and with hooks of --import`, async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'lameduck-main-'));
    try {
      const link = path.join(folder, 'current');
      await symlink(appPath('programs'), link);
      const entry = path.join(link, name);
      const worker = spawnWorker('', {
        entry,
        environment: { NODE_OPTIONS: `--import=${appPath('programs/slow-hooks.mjs')}` },
      });
      await worker.message('ready');
      assert.match(await fetchText(worker.port, '/hello'), /^HTTP\/1.1 200 /);
      worker.kill('SIGTERM');
      assert.equal(await worker.exited, 0);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
}

test('R7: an application that is exported and started by its own main module is served when it listens, not before', async () => {
  const worker = spawnWorker('programs/guarded-start.cjs');
  await worker.message('ready');
  const slow = await RawClient.connect(worker.port);
  const began = new Promise((resolve) => worker.child.stderr?.once('data', resolve));
  slow.get('/slow');
  await began;
  worker.kill('SIGTERM');
  assert.equal(await slow.ended, 'end');
  assert.match(slow.text, /connected: slow but whole/);
  assert.equal(await worker.exited, 0);
});

test('a main module that does something else than listen is served by what it exports', async () => {
  const worker = spawnWorker('programs/guarded-other.cjs');
  await worker.message('ready');
  assert.match(worker.stderr(), /^run me$/m);
  assert.match(await fetchText(worker.port, '/'), /exported$/);
  worker.kill('SIGTERM');
  assert.equal(await worker.exited, 0);
});

test('a Fastify application that listens as the main module is closed at the end as an exported one', async () => {
  const worker = spawnWorker('programs/guarded-fastify.mjs');
  await worker.message('ready');
  assert.match(await fetchText(worker.port, '/hello'), /hello$/);
  worker.kill('SIGTERM');
  assert.equal(await worker.exited, 0);
  assert.match(worker.stderr(), /^closed$/m);
});

test('with http2 what a main module exports is served, where it can be', async () => {
  const worker = spawnWorker('programs/guarded-start.cjs', { http2: true });
  await worker.message('ready');
  assert.match(await fetchText(worker.port, '/'), /connected: slow but whole$/);
  worker.kill('SIGTERM');
  assert.equal(await worker.exited, 0);
});

test('an entry that fails late is told once, with its own reason', async () => {
  const worker = spawnWorker('programs/throws-later.mjs');
  const { message } = await worker.message('failed');
  assert.match(message, /^Cannot load .*throws-later\.mjs": .*Error: too late$/);
  assert.equal(await worker.exited, 3);
  assert.equal(worker.messages.filter(({ type }) => type === 'failed').length, 1);
  assert.equal(
    worker
      .stderr()
      .split('\n')
      .filter((line) => line.includes('too late')).length,
    1,
  );
});

test('the question for the main module is found in code, and not in comments', () => {
  for (const source of [
    'if (require.main === module) start();',
    'if (import.meta.main) start();',
    'if (import.meta.url === pathToFileURL(process.argv[1]).href) start();',
    'const url = "http://x"; if (!module.parent) start();',
  ])
    assert.equal(asksForMain(source), true, source);
  for (const source of [
    'export default app; // no require.main here',
    '/*\n * import.meta.main\n */ export default app;',
    'const [, , port] = process.argv;',
  ])
    assert.equal(asksForMain(source), false, source);
});
