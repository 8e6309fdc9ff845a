import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, it } from 'node:test';
import { createServerRunner, type ServerRunnerOptions } from '../../src/adapters/process/server-runner.ts';
import { readProcess } from '../../src/processes/identity.ts';
import { stateFiles } from '../../src/processes/spawn-detached.ts';
import { fixtures, isAlive, makeRealNode, type RealNode } from '../fixtures/node-runner/real-node.ts';

const program = join(fixtures, 'node-runner', 'server.mjs');
const deadline = (): AbortSignal => AbortSignal.timeout(20_000);

type Start = ServerRunnerOptions['start'];

let node: RealNode | undefined;
afterEach(async () => {
  await node?.close();
  node = undefined;
});

async function make(start: (port: number, folder: string) => Start, pidFile?: string): Promise<RealNode> {
  node = await makeRealNode((options) => {
    const port = options.address.kind === 'tcp' ? options.address.port : 0;
    const file = pidFile === undefined ? {} : { pidFile: join(options.directory, pidFile) };
    return createServerRunner({
      ...options,
      ...file,
      start: start(port, options.directory),
      settleMs: 1_000,
    });
  });
  return node;
}
async function stop({ runner }: RealNode): Promise<void> {
  const found = await runner.find();
  assert.ok(found);
  await runner.terminate(found);
  await runner.exited(found, deadline());
}
const server = (port: number): string => `"${process.execPath}" "${program}" ${port}`;

for (const [name, line] of [
  ['runs it in the foreground', (port: number) => `${server(port)}; echo ended`],
  ['replaces itself by it', (port: number) => `exec ${server(port)}`],
  ['runs a shell that runs it', (port: number) => `sh -c '${server(port)} && echo ended'; echo outer`],
  ['sends its output through a pipe', (port: number) => `${server(port)} | cat`],
  ['runs it in the background and waits', (port: number) => `${server(port)} & wait`],
] as const) {
  it(`a server under a shell line that ${name} gets SIGTERM exactly once`, async () => {
    const made = await make((port) => line(port));
    await made.runner.start(deadline());
    assert.equal(await made.isServing(), true);
    await stop(made);
    assert.equal(await made.isServing(), false);
    assert.deepEqual(made.readLog().match(/SIGTERM \d/g), ['SIGTERM 1']);
  });
}

it('a server under npm gets SIGTERM', async () => {
  const made = await make((port, folder) => {
    const scripts = { start: server(port) };
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'x', private: true, scripts }));
    return 'npm start';
  });
  await made.runner.start(deadline());
  while (!(await made.isServing())) assert.ok(await made.runner.find());
  await stop(made);
  assert.deepEqual(made.readLog().match(/SIGTERM \d/g), ['SIGTERM 1']);
});

it('a command that does not exist is told with what the shell says', async () => {
  const made = await make(() => ['no-such-server', '--port', '1']);
  await assert.rejects(made.runner.start(deadline()), { code: 'startFailed', message: /no-such-server/ });
});

it('a directory that does not exist is told', async () => {
  const made = await make(() => 'true');
  const runner = createServerRunner({ ...made.options, directory: '/no/such/folder', start: 'true' });
  await assert.rejects(runner.start(deadline()), { code: 'config', message: /\/no\/such\/folder/ });
});

it('a node that was launched by a controller which died before its record is found', async () => {
  const made = await make((port) => ['sh', '-c', `exec ${server(port)}`]);
  const started = await made.runner.start(deadline());
  const { record, launch } = stateFiles(made.options.stateDirectory);
  const stat = `${started.pid} (node) S ${new Array(18).fill(0).join(' ')} ${started.startTime}`;
  const { bootId } = JSON.parse(readFileSync(record, 'utf8'));
  writeFileSync(launch, `${bootId}\n${stat}\n`);
  rmSync(record);
  assert.deepEqual(await made.reopen().find(), started);
  assert.deepEqual(await made.reopen().start(deadline()), started);
  assert.ok(existsSync(record));
});

it('a start whose signal aborts while it waits for the pid file ends what it started', async () => {
  const made = await make(() => 'sleep 61 & echo pid $!; wait', 'never.pid');
  await assert.rejects(made.runner.start(AbortSignal.timeout(700)), {
    code: 'deadlinePassed',
    message: /never\.pid/,
  });
  const pid = Number(/pid (\d+)/.exec(made.readLog())?.[1]);
  assert.ok(pid > 1);
  assert.equal(isAlive(pid), false);
});

it('a start command that fails is told with its log, although a pid file is awaited', async () => {
  const made = await make(() => 'echo cannot bind >&2; exit 3', 'server.pid');
  await assert.rejects(made.runner.start(deadline()), {
    code: 'startFailed',
    message: /exited with code 3:\ncannot bind$/,
  });
});

it('a start command that writes no pid into the pid file is told with file and content', async () => {
  const made = await make((_port, folder) => `echo hello >${folder}/server.pid; exec sleep 62`, 'server.pid');
  await assert.rejects(made.runner.start(deadline()), { code: 'pidFile', message: /server\.pid.*"hello"/ });
  await assert.rejects(made.runner.find(), { code: 'pidFile' });
});

it('a stale pid file that names a living stranger is ignored', async () => {
  const line = (port: number, folder: string): string =>
    `${server(port)} --daemon --pidfile ${folder}/server.pid`;
  const made = await make(line, 'server.pid');
  const file = join(made.options.directory, 'server.pid');
  mkdirSync(made.options.directory, { recursive: true });
  const stranger = readProcess(process.pid);
  assert.ok(stranger);
  writeFileSync(file, `${stranger.pid}\n`);
  utimesSync(file, 1_000_000, 1_000_000);
  assert.equal(await made.runner.find(), undefined);
  const started = await made.runner.start(deadline());
  assert.notEqual(started.pid, stranger.pid);
  assert.equal(await made.isServing(), true);
  await stop(made);
});

it('a daemon that something else started is found by its pid file and stopped', async () => {
  const made = await make(() => 'false', 'server.pid');
  const file = join(made.options.directory, 'server.pid');
  const other = createServerRunner({
    ...made.options,
    stateDirectory: join(made.options.directory, 'systemd'),
    start: [process.execPath, program, String(made.port), '--pidfile', file, '--daemon'],
    pidFile: file,
  });
  const started = await other.start(deadline());
  assert.deepEqual(await made.runner.find(), started);
  assert.deepEqual(await made.runner.start(deadline()), started);
  await stop(made);
  assert.equal(await made.isServing(), false);
});

it('the end of a node is told with the end of its log', async () => {
  const made = await make((port) => `${server(port)}; echo the last words`);
  const started = await made.runner.start(deadline());
  const died = made.runner.died(started, deadline());
  const child = await made.runner.workers(started);
  assert.equal(child.length, 1);
  process.kill(child[0]?.pid ?? 0, 'SIGKILL');
  assert.match(await died, /the last words$/);
});
