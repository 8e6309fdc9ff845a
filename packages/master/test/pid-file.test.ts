import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { checkPidFile } from '../src/pid-file.ts';
import { isRunning, MasterProcess, temporaryDirectory, until } from './support/master-process.ts';

async function stranger(
  test: TestContext,
  script: string,
): Promise<{ readonly pid: number; readonly text: string }> {
  const child = spawn('sh', ['-c', script], { stdio: ['ignore', 'pipe', 'ignore'] });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  test.after(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  const text = await new Promise<string>((resolve) =>
    child.stdout.once('data', (data) => resolve(String(data))),
  );
  return { pid: child.pid ?? 0, text };
}

it('the pid file names the master while it runs and is removed at its end', async (test) => {
  const pidfile = join(temporaryDirectory(test), 'master.pid');
  const master = new MasterProcess(test, { workers: 1, pidfile });
  await master.ready();
  assert.equal(readFileSync(pidfile, 'utf8'), `${master.pid}\n`);
  master.signal('SIGTERM');
  await master.ended;
  assert.equal(existsSync(pidfile), false);
});

it('a pid file that another process took over is left alone', async (test) => {
  const pidfile = join(temporaryDirectory(test), 'master.pid');
  const master = new MasterProcess(test, { workers: 1, pidfile });
  await master.ready();
  writeFileSync(pidfile, '1\n');
  master.signal('SIGTERM');
  await master.ended;
  assert.equal(readFileSync(pidfile, 'utf8'), '1\n');
});

it('R25: a pid file of a live process refuses the start and stays as it is', async (test) => {
  const pidfile = join(temporaryDirectory(test), 'master.pid');
  const { pid } = await stranger(test, 'echo up; exec sleep 60');
  writeFileSync(pidfile, String(pid));
  const master = new MasterProcess(test, { pidfile });
  const { error } = await master.outcome;
  assert.equal(error?.code, 'alreadyRunning');
  assert.match(error?.message ?? '', new RegExp(`pid ${pid}$`));
  assert.equal((await master.ended).code, 1);
  assert.equal(readFileSync(pidfile, 'utf8'), String(pid));
});

it('R25: stale pid files (dead, other process, zombie, our own pid, empty) are replaced', async (test) => {
  const pidfile = join(temporaryDirectory(test), 'master.pid');
  // The child ends only when the shell that would reap it has become a process that never will.
  const child = '(until grep -q sleep /proc/$$/comm; do :; done) & echo $!';
  const { pid, text } = await stranger(test, `${child}; exec sleep 60`);
  const zombie = Number(text);
  await until(
    'the child of the stranger is a zombie',
    () => existsSync(`/proc/${zombie}`) && !isRunning(zombie),
  );
  for (const content of [String(zombie), String(process.pid), '', '\n', '999999999']) {
    writeFileSync(pidfile, content);
    await checkPidFile(pidfile);
  }
  writeFileSync(pidfile, String(pid));
  await assert.rejects(checkPidFile(pidfile), { code: 'alreadyRunning' });
  const longAgo = Date.now() / 1000 - 3600;
  utimesSync(pidfile, longAgo, longAgo);
  await checkPidFile(pidfile);
});

it('R25: a pid file that holds something else, or cannot be read or written, ends the start with one message', async (test) => {
  const directory = temporaryDirectory(test);
  const pidfile = join(directory, 'notes.txt');
  writeFileSync(pidfile, 'shopping list');
  for (const path of [pidfile, directory, join(directory, 'missing', 'a.pid')]) {
    const master = new MasterProcess(test, { pidfile: path });
    const { error } = await master.outcome;
    assert.equal(error?.code, 'pidFile');
    assert.match(error?.message ?? '', /^Cannot (read|use|write) pid file "/);
    assert.equal((await master.ended).code, 1);
    assert.equal(existsSync(master.controlPath), false);
    assert.deepEqual(master.workerPids, []);
  }
  assert.equal(readFileSync(pidfile, 'utf8'), 'shopping list');
});
