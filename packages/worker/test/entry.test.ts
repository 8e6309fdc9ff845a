import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import type { WorkerToMaster } from '@lameduck/core';
import { fetchText } from './support/raw-client.ts';
import { appPath, reapWorkers, spawnWorker } from './support/spawn-worker.ts';

after(reapWorkers);

const usable: readonly (readonly [app: string, what: string, body: RegExp])[] = [
  ['factory.ts', 'a factory, called after startup', /hello$/],
  ['server.ts', 'an http.Server that does not listen', /hello$/],
  ['fetch-function.ts', 'a function of one parameter as a fetch handler', /hello \/hello$/],
  ['fetch-export.mjs', 'an export named fetch', /hello$/],
  ['listener.cjs', 'a CommonJS function', /hello$/],
  ['named.cjs', 'CommonJS exports by name', /hello$/],
  ['listening-server.mjs', 'an http.Server that it has told to listen', /^HTTP.1.1 200/],
];

for (const [app, what, body] of usable) {
  test(`an entry may be ${what} (${app})`, async () => {
    const worker = spawnWorker(app);
    await worker.message('ready');
    assert.match(await fetchText(worker.port, '/hello'), body);
    worker.kill('SIGTERM');
    assert.equal(await worker.exited, 0);
  });
}

test('startup, handlers and shutdown share the context of their worker', async () => {
  const worker = spawnWorker('context.ts', { id: 3, generation: 2 });
  await worker.message('ready');
  assert.match(await fetchText(worker.port, '/'), /worker 3, opened by worker 3 of generation 2$/);
  worker.kill('SIGTERM');
  assert.equal(await worker.exited, 0);
  assert.match(worker.stderr(), /^opened by worker 3 of generation 2, asked 1$/m);
});

const bad: readonly (readonly [app: string, why: string, message: RegExp])[] = [
  ['missing.ts', 'does not exist', /an existing file was wanted: current value is no such file$/],
  [
    'bad-throws.ts',
    'throws at import',
    /can be imported was wanted: current value is Error: no database here$/,
  ],
  [
    'bad-syntax.mjs',
    'has a syntax error',
    /can be imported was wanted: current value is SyntaxError: .* in .*bad-syntax\.mjs:2:10\n/,
  ],
  [
    'bad-exports.mjs',
    'exports no application',
    /default, app, handler or application was wanted: current value is exports settings, version$/,
  ],
  [
    'bad-startup.mjs',
    'fails at startup',
    /startup\(\) without an error was wanted: current value is Error: cannot reach the database$/,
  ],
  [
    'bad-factory.mjs',
    'makes something else',
    /current value is a number, made by a function without parameters$/,
  ],
  ['bad-uncaught.mjs', 'throws while starting', /current value is Error: nobody catches this$/],
];

for (const [app, why, pattern] of bad) {
  test(`R4: an entry that ${why} is told to the master in one line, and the worker exits 3`, async () => {
    const worker = spawnWorker(app);
    const { message } = await worker.message('failed');
    assert.match(message, pattern);
    assert.ok(message.includes(`"${appPath(app)}"`), message);
    // But for the line of the source that is wrong.
    assert.equal(message.split('\n').length, app === 'bad-syntax.mjs' ? 3 : 1);
    assert.equal(await worker.exited, 3);
    assert.ok(!worker.messages.some((one) => one.type === 'ready'));
    // Where the application has thrown is in the log; what only we found wrong has no stack of its own.
    if (!/current value is \w*Error: /.test(message)) return assert.equal(worker.stderr(), '');
    const line = JSON.parse(worker.stderr().trim().split('\n')[0] ?? '');
    assert.equal(line.msg, message);
    assert.equal(typeof line.err.stack, 'string');
  });
}

const parsers: readonly (readonly [file: string, code: string, place: string])[] = [
  [
    'deep.mjs',
    'export const a = 1;\nexport const b = ;\n',
    '2:18\n    export const b = ;\n                     ^',
  ],
  ['deep.cjs', 'const b = ;\n', '1:11\n    const b = ;\n              ^'],
  ['deep.ts', 'const b: string = ;\n', '1:19\n    const b: string = ;\n                      ^'],
  ['end.mjs', 'export function f() {\n', '2'],
  ['end.cjs', 'function f() {\n', '2'],
  ['bundle.mjs', `${'let a;'.repeat(200)}\n`, `1:11\n    ${'let a;'.repeat(26)}let\n              ^`],
];

for (const [file, code, place] of parsers) {
  test(`R4: an imported module that does not parse (${file}) is told with file, line, column and the line, also in the log`, async (context) => {
    const folder = mkdtempSync(path.join(tmpdir(), 'lameduck-worker-'));
    context.after(() => rmSync(folder, { recursive: true }));
    writeFileSync(path.join(folder, file), code);
    writeFileSync(path.join(folder, 'app.mjs'), `import './${file}';\nexport default () => undefined;\n`);
    const worker = spawnWorker(path.join(folder, 'app.mjs'));
    const { message } = await worker.message('failed');
    assert.ok(message.endsWith(` in ${path.join(folder, file)}:${place}`), message);
    assert.equal(await worker.exited, 3);
    const line = JSON.parse(worker.stderr().trim().split('\n')[0] ?? '');
    const row = place.split(':')[0];
    assert.ok(line.err.stack.startsWith(`${path.join(folder, file)}:${row}\n`), line.err.stack);
    assert.match(line.err.stack, /\n {4}at /);
  });
}

test('an error in a regular expression of a module is told as it is, with where it stands in the log', async (context) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'lameduck-worker-'));
  context.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(path.join(folder, 'app.mjs'), `new RegExp('(');`);
  const worker = spawnWorker(path.join(folder, 'app.mjs'));
  const { message } = await worker.message('failed');
  assert.match(message, /current value is SyntaxError: Invalid regular expression: [^\n]*$/);
  assert.equal(await worker.exited, 3);
  const line = JSON.parse(worker.stderr().trim().split('\n')[0] ?? '');
  assert.match(line.err.stack, /^SyntaxError: .*\n.*\n.*app\.mjs:1:1/);
});

test('a worker tells how far its start has come', async () => {
  const steps = (messages: readonly WorkerToMaster[]): readonly string[] =>
    messages.flatMap((one) => (one.type === 'starting' ? [one.step] : []));
  const worker = spawnWorker('context.ts');
  await worker.message('ready');
  assert.deepEqual(steps(worker.messages), ['loading', 'startup', 'preparing']);
  const program = spawnWorker('programs/ready.cjs', { waitReady: true });
  await program.message('ready');
  assert.deepEqual(steps(program.messages), ['loading', 'waitReady']);
});

test('a worker without a usable assignment exits 3 and says what it wanted', async () => {
  const worker = spawnWorker('plain.ts', { fd: 'three' as unknown as number });
  assert.match((await worker.message('failed')).message, /a number fd was wanted: current value is three$/);
  assert.equal(await worker.exited, 3);
});

test('a worker whose descriptor is no socket exits 3', async () => {
  const worker = spawnWorker('plain.ts', { fd: 99 });
  assert.match((await worker.message('failed')).message, /^Cannot listen on "fd 99"/);
  assert.equal(await worker.exited, 3);
});

test('SIGTERM before the worker is ready ends it at once, without ready', async () => {
  const worker = spawnWorker('bad-uncaught.mjs', { entry: appPath('never-ready.mjs') });
  await new Promise<void>((resolve) => {
    worker.child.stderr?.on('data', () => resolve());
  });
  worker.kill('SIGTERM');
  assert.equal(await worker.exited, 0);
  assert.ok(!worker.messages.some((one) => one.type === 'ready'));
});

test('a shutdown hook that fails is logged and the worker exits 1', async () => {
  const worker = spawnWorker('shutdown-fails.mjs');
  await worker.message('ready');
  worker.kill('SIGTERM');
  assert.equal(await worker.exited, 1);
  assert.match(worker.stderr(), /A shutdown hook failed/);
});

test('a shutdown hook that hangs is cut after the grace period and its own budget, and that is told', async () => {
  const worker = spawnWorker('shutdown-hangs.mjs', { graceMs: 1000, shutdownMs: 500 });
  await worker.message('ready');
  const start = performance.now();
  worker.kill('SIGTERM');
  assert.equal(await worker.exited, 5);
  const ms = performance.now() - start;
  assert.ok(ms >= 1450 && ms < 3500, `took ${ms} ms`);
  assert.ok((await worker.message('shutdownCut')).ms >= 1400);
  assert.match(worker.stderr(), /The shutdown hooks took too long and were cut/);
});

test('a quick stop cuts a shutdown hook that hangs, too, within its time', async () => {
  const worker = spawnWorker('shutdown-hangs.mjs', { shutdownMs: 20_000 });
  await worker.message('ready');
  const start = performance.now();
  worker.kill('SIGINT');
  assert.equal(await worker.exited, 5);
  const ms = performance.now() - start;
  assert.ok(ms >= 1400 && ms < 2000, `took ${ms} ms`);
});

test('the application does not see the assignment of its worker', async () => {
  const worker = spawnWorker('environment.mjs');
  await worker.message('ready');
  assert.match(await fetchText(worker.port, '/'), /undefined$/);
  worker.kill('SIGTERM');
  assert.equal(await worker.exited, 0);
});
