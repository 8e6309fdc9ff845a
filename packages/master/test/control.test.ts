import assert from 'node:assert/strict';
import { statSync, writeFileSync } from 'node:fs';
import { Agent } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { it } from 'node:test';
import { isRunning, MasterProcess, temporaryDirectory, until } from './support/master-process.ts';
import { ask } from './support/requests.ts';

it('the control socket has mode 0600, tells the status, scales, and disappears with the master', async (test) => {
  const master = new MasterProcess(test, { workers: 1 });
  await master.ready();
  assert.equal(statSync(master.controlPath).mode & 0o777, 0o600);
  const scaled = await master.control('POST', '/scale', { workers: 3 });
  assert.deepEqual([scaled.status, scaled.body.target], [200, 3]);
  await until('three are ready', async () => {
    const { workers } = await master.status();
    return workers.filter((worker) => worker.state === 'ready').length === 3;
  });
  await master.control('POST', '/scale', { workers: 1 });
  await until('one is left', async () => (await master.status()).workers.length === 1);
  const stopped = await master.control('POST', '/stop');
  assert.deepEqual([stopped.status, stopped.body.state], [202, 'stopping']);
  assert.equal((await master.ended).code, 0);
  assert.throws(() => statSync(master.controlPath), { code: 'ENOENT' });
});

it('a POST without a length is one without a body, as that of curl; a body in chunks is read', async (test) => {
  const master = new MasterProcess(test, { workers: 1 });
  await master.ready();
  const post = (rest: string): Promise<string> => {
    const socket = connect(master.controlPath);
    socket.write(`POST ${rest}`);
    return text(socket);
  };
  const head = 'HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n';
  assert.match(await post(`/reload ${head}\r\n`), /^HTTP\/1\.1 200 .*"generation":2/s);
  const chunks = 'd\r\n{"workers":2}\r\n0\r\n\r\n';
  assert.match(await post(`/scale ${head}Transfer-Encoding: chunked\r\n\r\n${chunks}`), /"target":2/);
});

it('bad requests to the control socket are answered as such and change nothing', async (test) => {
  const master = new MasterProcess(test, { workers: 1 });
  await master.ready();
  const bad: readonly (readonly [string, string, unknown, number])[] = [
    ['POST', '/scale', { workers: 0 }, 400],
    ['POST', '/scale', { workers: '2' }, 400],
    ['POST', '/scale', { workers: 2, more: 1 }, 400],
    ['POST', '/scale', undefined, 400],
    ['POST', '/scale', '{', 400],
    ['POST', '/scale', '[]', 400],
    ['POST', '/scale', 'x'.repeat(20_000), 400],
    ['POST', '/linger', { ms: -1 }, 400],
    ['POST', '/linger', {}, 400],
    ['POST', '/stop', { mode: 'now' }, 400],
    ['POST', '/signal', { signal: 'KILL' }, 400],
    ['POST', '/signal', { signal: '' }, 400],
    ['POST', '/signal', { signal: 15 }, 400],
    ['POST', '/reload', { force: true }, 400],
    ['GET', '/reload', undefined, 404],
    ['GET', '/', undefined, 404],
  ];
  for (const [method, path, body, status] of bad) {
    const answer = await master.control(method, path, body);
    assert.equal(answer.status, status, `${method} ${path} ${JSON.stringify(body)}`);
    assert.equal(answer.body.error?.code, 'usage');
    assert.match(answer.body.error?.message ?? '', /^Cannot /);
  }
  const { state, target, generation } = await master.status();
  assert.deepEqual({ state, target, generation }, { state: 'ready', target: 1, generation: 1 });
});

it('POST /signal does what the signal does, under either of its names', async (test) => {
  const master = new MasterProcess(test, { workers: 1 });
  await master.ready();
  assert.equal((await master.control('POST', '/signal', { signal: 'SIGTTIN' })).body.target, 2);
  assert.equal((await master.control('POST', '/signal', { signal: 'ttou' })).body.target, 1);
  const bad = await master.control('POST', '/signal', { signal: 'HANGUP' });
  assert.match(bad.body.error?.message ?? '', /^Cannot obey signal "HANGUP": one of TERM, INT, QUIT, HUP, /);
  assert.equal((await master.control('POST', '/signal', { signal: 'TERM' })).status, 202);
  assert.equal((await master.ended).code, 0);
});

it('POST /linger lets idle connections go at once, also in drains that begin later', async (test) => {
  const master = new MasterProcess(test, { workers: 1, lingerMs: 15_000, graceMs: 20_000 });
  const agent = new Agent({ keepAlive: true });
  test.after(() => agent.destroy());
  await ask(await master.ready(), '/', agent);
  assert.deepEqual((await master.control('POST', '/linger', { ms: 0 })).status, 200);
  const startedAt = performance.now();
  master.signal('SIGTERM');
  assert.equal((await master.ended).code, 0);
  assert.ok(performance.now() - startedAt < 5000, 'the idle connection held the stop');
});

it('a control path with a live master is refused, and its owner stays undisturbed', async (test) => {
  const owner = new MasterProcess(test, { workers: 1 });
  await owner.ready();
  const second = new MasterProcess(test, { workers: 1, controlPath: owner.controlPath });
  assert.equal((await second.outcome).error?.code, 'alreadyRunning');
  assert.equal((await second.ended).code, 1);
  assert.deepEqual(second.workerPids, []);
  assert.equal((await owner.status()).pid, owner.pid);
});

it('a control socket that a killed master left behind is replaced', async (test) => {
  const killed = new MasterProcess(test, { workers: 1 });
  await killed.ready();
  killed.signal('SIGKILL');
  await killed.ended;
  await until('its workers are gone', () => !killed.workerPids.some(isRunning));
  const next = new MasterProcess(test, { workers: 1, controlPath: killed.controlPath });
  await next.ready();
  assert.equal((await killed.status()).pid, next.pid);
});

it('R25: a control path that cannot be used ends the start with one clear message', async (test) => {
  const directory = temporaryDirectory(test);
  const file = join(directory, 'file');
  writeFileSync(file, 'precious');
  for (const controlPath of [file, join(directory, 'missing', 'c.sock'), join(directory, 'x'.repeat(120))]) {
    const master = new MasterProcess(test, { controlPath });
    const { error } = await master.outcome;
    assert.equal(error?.code, 'config');
    assert.match(error?.message ?? '', /^Cannot create control socket "/);
    assert.ok(error?.message.includes(controlPath));
    assert.equal((await master.ended).code, 78);
    assert.deepEqual(master.workerPids, []);
  }
});
