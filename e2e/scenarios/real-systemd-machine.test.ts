import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { it } from 'node:test';
import { whyNoSystemd } from '../support/real-systemd.ts';
import { makeRunFolder } from '../support/run-service.ts';
import { isRunning, until } from '../support/until.ts';

const support = join(import.meta.dirname, '..', 'support', 'real-systemd.ts');
const boot = `
const { bootMachine } = await import(process.argv[1]);
const machine = await bootMachine(process.argv[2]);
console.log(machine.entry[1]);
setInterval(() => undefined, 1000);
`;

it('a machine of the tests ends, and leaves nothing, when the process that booted it is killed', {
  skip: whyNoSystemd(),
}, async () => {
  const folder = makeRunFolder();
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8');
  const child = spawn(process.execPath, ['--input-type=module', '-e', boot, support, folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  const pid = Number(line);
  assert.ok(await isRunning(pid));
  const cgroups = (): string[] => globSync('/sys/fs/cgroup/{,unified/}**/lameduck-test-*');
  const own = readFileSync(`/proc/${pid}/cgroup`, 'utf8').match(/lameduck-test-\d+/)?.[0] ?? 'none';
  const isThere = (): boolean => cgroups().some((path) => path.includes(own));
  assert.ok(isThere());
  child.kill('SIGKILL');
  await until('systemd has ended', async () => !(await isRunning(pid)));
  await until('its cgroup is gone', () => !isThere());
  assert.equal(readFileSync('/proc/self/mountinfo', 'utf8'), mounts);
  rmSync(folder, { recursive: true, force: true });
});
