import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { LameduckError } from '@lameduck/core';
import { createSystemdRunner } from '../../src/adapters/systemd/systemd-runner.ts';
import type { NodeRunner, ProcessIdentity } from '../../src/ports/node-runner.ts';
import { answers, fixtures, freePort, isAlive } from '../fixtures/node-runner/real-node.ts';

const server = join(fixtures, 'node-runner', 'server.mjs');
const fake = join(fixtures, 'systemd', 'fake-systemctl.mjs');
const unit = 'shop@a.service';
const deadline = (): AbortSignal => AbortSignal.timeout(20_000);

/** systemd itself is a fake: what it answers was written after systemd 252, the unit's process is real. */
describe('a unit of a fake systemd as a node runner', () => {
  let folder: string;
  let port: number;
  let runner: NodeRunner;
  const started: ProcessIdentity[] = [];

  const make = (changes: { unit?: string; isUserUnit?: boolean } = {}): NodeRunner =>
    createSystemdRunner({
      node: 'a',
      unit: 'shop@a.service',
      isUserUnit: false,
      systemctl: join(folder, 'systemctl'),
      journalctl: join(folder, 'journalctl'),
      logger: { info: () => undefined, warn: () => undefined },
      ...changes,
    });
  const script = (name: string, line: string): void =>
    writeFileSync(join(folder, name), `#!/bin/sh\n${line}\n`, { mode: 0o755 });
  const runs = (...more: string[]): void =>
    writeFileSync(
      join(folder, unit, 'command.json'),
      JSON.stringify({ command: [process.execPath, server, String(port), ...more] }),
    );
  const calls = (): string => readFileSync(join(folder, 'calls'), 'utf8');
  const start = async (): Promise<ProcessIdentity> => {
    const node = await runner.start(deadline());
    started.push(node);
    while (!(await answers(port))) await pause(20);
    return node;
  };

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'lameduck-unit-'));
    mkdirSync(join(folder, unit));
    port = await freePort();
    script('systemctl', `exec ${process.execPath} ${fake} ${folder} "$@"`);
    script('journalctl', `cat ${folder}/${unit}/journal`);
    runs();
    runner = make();
  });
  afterEach(() => {
    for (const { pid } of started.splice(0)) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
    rmSync(folder, { recursive: true });
  });

  it('is found where somebody else has started it, and started once', async () => {
    assert.equal(await runner.find(), undefined);
    const node = await start();
    assert.deepEqual(await make().find(), node);
    assert.deepEqual(await runner.start(deadline()), node);
    assert.deepEqual(await runner.workers(node), []);
    assert.equal((calls().match(/^.* start /gm) ?? []).length, 1);
  });

  it('is stopped by systemctl, so that Restart= does not fight; its end is known', async () => {
    const node = await start();
    await runner.terminate(node);
    await runner.exited(node, deadline());
    assert.equal(isAlive(node.pid), false);
    assert.match(calls(), /stop --no-block -- shop@a.service/);
    const again = await start();
    assert.notDeepEqual(again, node);
  });

  it('is only signalled where a stop or restart of somebody else is under way', async () => {
    const node = await start();
    writeFileSync(
      join(folder, unit, 'state.json'),
      JSON.stringify({ pid: node.pid, run: 1, isStopping: true }),
    );
    await runner.terminate(node);
    assert.doesNotMatch(calls(), /stop --no-block/);
    assert.match(calls(), /kill --kill-who=main --signal=SIGTERM -- shop@a.service/);
  });

  it('is killed with all of its control group, after a stop', async () => {
    const node = await start();
    assert.deepEqual(await runner.kill(node), [node.pid]);
    assert.equal(isAlive(node.pid), false);
    assert.ok(calls().indexOf('stop --no-block') < calls().indexOf('kill --signal=SIGKILL'));
  });

  it('its death is told with the end of its journal, a stop that was asked for is none', async () => {
    const node = await start();
    writeFileSync(join(folder, unit, 'journal'), 'out of luck\n', { flag: 'a' });
    const died = runner.died(node, deadline());
    process.kill(node.pid, 'SIGKILL');
    assert.match(await died, /out of luck/);
    const second = await start();
    const asked = runner.died(second, AbortSignal.timeout(1500));
    await runner.terminate(second);
    await assert.rejects(asked);
  });

  it('a unit that ends at once has failed to start, or dies: both ways its journal says why', async () => {
    runs('--broken');
    const outcome = await runner.start(deadline()).then(
      (node) => runner.died(node, deadline()),
      (thrown: unknown) => LameduckError.from(thrown).message,
    );
    assert.match(outcome, /broken on purpose/);
  });

  it('an unknown unit is refused with its state, a missing systemctl by name', async () => {
    const refused =
      (code: string, message: RegExp) =>
      (thrown: unknown): boolean => {
        const error = LameduckError.from(thrown);
        assert.equal(error.code, code);
        assert.match(error.message, message);
        return true;
      };
    const unknown = make({ unit: 'nowhere.service' });
    await assert.rejects(
      unknown.check(deadline()),
      refused('startFailed', /must be loaded by systemd: current value is not-found/),
    );
    await assert.rejects(unknown.start(deadline()), refused('startFailed', /nowhere.service/));
    rmSync(join(folder, 'systemctl'));
    await assert.rejects(runner.find(), refused('binaryMissing', /must be installed/));
  });

  it('what systemctl says is in the error: no systemd runs here', async () => {
    script(
      'systemctl',
      'echo "System has not been booted with systemd as init system (PID 1). Can\'t operate." >&2; exit 1',
    );
    await assert.rejects(
      runner.find(),
      /show" must succeed: current value is System has not been booted with systemd/,
    );
  });

  it('a unit of a user is asked of the manager of the user', async () => {
    assert.deepEqual((await make({ isUserUnit: true }).check(deadline())).slice(1), [
      '--user',
      'start',
      'shop@a.service',
    ]);
    assert.match(calls(), /^--user --no-ask-password/);
  });
});
