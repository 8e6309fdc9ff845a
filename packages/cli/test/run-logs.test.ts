import assert from 'node:assert/strict';
import { existsSync, renameSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { CommandFolder } from './support/run-command.ts';

const app = `export default (request, response) => response.end(request.url);\n`;
const serve = ['run', 'app.mjs', '-b', '127.0.0.1:0', '--linger', '100ms'];

function ask(url: string, agent: Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    const sent = get(
      url,
      { agent, headers: { 'user-agent': 'test "quoted" \\', referer: '/from' } },
      (response) => {
        response.resume().on('end', resolve);
      },
    );
    sent.once('error', reject);
  });
}

async function askMany(url: string, count: number, prefix: string): Promise<readonly string[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  const paths = Array.from({ length: count }, (_, n) => `/${prefix}${n}`);
  await Promise.all(paths.map((path) => ask(`${url}${path}`, agent)));
  agent.destroy();
  return paths;
}

const pathsOf = (text: string): readonly string[] =>
  text
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { path: string }).path)
    .toSorted();

describe('lameduck run: access log', () => {
  it('has one whole JSON line for each answer of all workers, also of the last moment before a graceful stop', async (test) => {
    const folder = new CommandFolder(test, { 'app.mjs': app });
    const master = folder.start([...serve, '-w', '2', '--access-log', 'access.log']);
    const paths = await askMany(await master.ready(), 2000, 'r');
    master.child.kill('SIGTERM');
    assert.equal((await master.ended).code, 0);
    const text = folder.read('access.log');
    assert.deepEqual(pathsOf(text), paths.toSorted());
    const first = JSON.parse(text.split('\n', 1)[0] ?? '') as Record<string, unknown>;
    assert.deepEqual(
      [first.method, first.status, first.protocol, first.remote, first.agent],
      ['GET', 200, 'HTTP/1.1', '127.0.0.1', 'test "quoted" \\'],
    );
    assert.ok(Number(first.ms) > 0 && Number(first.bytes) > 50, JSON.stringify(first));
  });

  it('goes to standard output in combined format, lines of two workers never mixed', async (test) => {
    const folder = new CommandFolder(test, { 'app.mjs': app });
    const options = ['--access-log', '-', '--access-log-format', 'combined'];
    const master = folder.start([...serve, '-w', '2', ...options]);
    const paths = await askMany(await master.ready(), 2000, 'c');
    master.child.kill('SIGTERM');
    const { stdout } = await master.ended;
    const lines = stdout.split('\n').filter((line) => line !== '' && !line.startsWith('ready '));
    const form =
      /^127\.0\.0\.1 - - \[\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d \+0000\] "GET (\/c\d+) HTTP\/1\.1" 200 \d+ "\/from" "test \\"quoted\\" \\\\"$/;
    for (const line of lines) assert.match(line, form);
    assert.deepEqual(lines.map((line) => form.exec(line)?.[1]).toSorted(), paths.toSorted());
  });

  it('USR1: the access log and the log of the master are opened again under their names; no line is lost', async (test) => {
    const folder = new CommandFolder(test, { 'app.mjs': app });
    const master = folder.start([...serve, '--access-log', 'access.log', '--log-file', 'master.log']);
    const url = await master.ready();
    const before = await askMany(url, 300, 'a');
    renameSync(join(folder.path, 'access.log'), join(folder.path, 'access.1'));
    renameSync(join(folder.path, 'master.log'), join(folder.path, 'master.1'));
    master.child.kill('SIGUSR1');
    const deadline = performance.now() + 10_000;
    while (!existsSync(join(folder.path, 'access.log')) && performance.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 10));
    const after = await askMany(url, 300, 'b');
    master.child.kill('SIGTERM');
    assert.equal((await master.ended).code, 0);
    assert.deepEqual(pathsOf(folder.read('access.1')), before.toSorted());
    assert.deepEqual(pathsOf(folder.read('access.log')), after.toSorted());
    assert.match(folder.read('master.1'), /master started/);
    assert.match(folder.read('master.log'), /master ended/);
    assert.equal(master.stderr, '', 'the log is in the file');
  });

  it('that cannot be written refuses the start with one message', async (test) => {
    const folder = new CommandFolder(test, { 'app.mjs': app });
    const access = await folder.run([...serve, '--access-log', '/nowhere/access.log']);
    assert.equal(access.code, 3);
    assert.match(access.stderr, /lameduck: Cannot write access log "\/nowhere\/access\.log"/);
    const log = await folder.run([...serve, '--log-file', '/nowhere/master.log']);
    assert.equal(log.code, 78);
    assert.match(log.stderr, /^lameduck: Cannot write log "\/nowhere\/master\.log": .*ENOENT\n$/);
  });
});
