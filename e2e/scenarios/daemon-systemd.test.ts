import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { it, type TestContext } from 'node:test';
import { nodeOf } from '../support/reports.ts';
import { runService, startUp } from '../support/run-service.ts';
import { projectRoot } from '../support/service-config.ts';
import { until } from '../support/until.ts';

const fake = join(projectRoot, 'packages', 'master', 'test', 'fixtures', 'fake-systemd.py');
const launcher = join(projectRoot, 'packages', 'cli', 'bin', 'lameduck.cjs');
const isMissing = ['systemd-notify', 'python3'].some(
  (name) => spawnSync(name, ['--version']).error !== undefined,
);

/** What a supervisor hears of a command, message by message. */
function supervise(test: TestContext, command: readonly string[], environment: Record<string, string>) {
  const told: string[] = [];
  const options = { command, environment, activate: false };
  const child = spawn('python3', [fake, JSON.stringify(options)], { stdio: ['pipe', 'pipe', 'inherit'] });
  createInterface({ input: child.stdout }).on('line', (line) => {
    const { message, exited } = line.startsWith('{') ? JSON.parse(line) : {};
    if (message !== undefined) told.push(message.trim());
    if (exited !== undefined) child.stdin.end();
  });
  const exited = once(child, 'exit');
  test.after(async () => {
    if (child.stdin.writable) child.stdin.write('signal SIGTERM\n');
    await exited;
  });
  return { told, signal: (name: string) => child.stdin.write(`signal ${name}\n`) };
}

it('a daemon tells systemd READY, RELOADING, STOPPING and signs of life; its nodes tell nothing', {
  skip: isMissing && 'no systemd-notify or python3',
}, async (test) => {
  const service = await runService({ nodes: ['app', 'app'] });
  const killed = once(service.up, 'exit');
  service.up.kill('SIGKILL');
  await killed;
  const command = [process.execPath, launcher, 'daemon', '--config', service.configFile];
  const { told, signal } = supervise(test, command, { WATCHDOG_USEC: '1000000' });
  test.after(async () => {
    const up = await startUp(service);
    assert.equal(await up.stop(), 0);
  });
  const hears = (text: RegExp): Promise<void> =>
    until(String(text), () => told.some((one) => text.test(one)), 60_000);
  await hears(/^READY=1\nSTATUS=shop: 2 of 2 nodes in rotation, 1 edges$/);
  assert.match(told[0] ?? '', /^EXTEND_TIMEOUT_USEC=\d+\nSTATUS=starting$/);
  await hears(/^WATCHDOG=1$/);
  // started by the daemon: it must not speak for the daemon
  assert.equal((await service.lameduck('restart', 'a')).code, 0);
  const { pid } = await nodeOf(service, 'a');
  assert.equal(told.filter((one) => one.startsWith('READY=1')).length, 1);
  assert.doesNotMatch(readFileSync(`/proc/${pid}/environ`, 'utf8'), /NOTIFY_SOCKET|WATCHDOG_USEC/);
  const readies = (): number => told.filter((one) => one.startsWith('READY=1')).length;
  // one that changes nothing is over at once
  signal('SIGHUP');
  await until('it is over', () => readies() === 2, 60_000);
  const text = readFileSync(service.configFile, 'utf8');
  writeFileSync(service.configFile, `${text}health: { interval: 400ms }\n`);
  signal('SIGHUP');
  await hears(/^RELOADING=1\nMONOTONIC_USEC=\d+\nEXTEND_TIMEOUT_USEC=\d+$/);
  await until('READY again', () => readies() === 3, 60_000);
  signal('SIGTERM');
  await hears(/^STOPPING=1\nEXTEND_TIMEOUT_USEC=\d+\nSTATUS=stopping$/);
});
