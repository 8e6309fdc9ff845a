import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { LameduckError } from '@lameduck/core';
import { pino } from 'pino';
import { createShellHooks } from '../../src/adapters/hooks/shell-hooks.ts';
import type { NodeHooks } from '../../src/ports/node-hooks.ts';
import { findLiving, readBootId, readProcess } from '../../src/processes/identity.ts';
import { writeRecord } from '../../src/processes/record.ts';

const never = new AbortController().signal;

interface Place {
  readonly folder: string;
  readonly hooks: NodeHooks;
  read(name: string): string;
}

function place(t: TestContext, beforeStart: string | readonly string[], timeoutMs = 20_000): Place {
  const folder = mkdtempSync(join(tmpdir(), 'lameduck-hooks-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const hooks = createShellHooks({
    service: 'shop',
    node: 'a',
    directory: folder,
    environment: { PATH: process.env['PATH'], OWN: 'its own' },
    stateDirectory: join(folder, 'state'),
    config: { beforeStart, rollBack: undefined, timeoutMs },
    logger: pino({ level: 'silent' }),
  });
  return { folder, hooks, read: (name) => readFileSync(join(folder, name), 'utf8') };
}

describe('a hook', () => {
  it("runs in the node's directory and environment, and prints into its log", async (t) => {
    const line =
      'echo "$LAMEDUCK_SERVICE $LAMEDUCK_NODE $LAMEDUCK_HOOK $LAMEDUCK_ACTION [$LAMEDUCK_REASON] $OWN" >here; echo printed; echo bad >&2';
    const { hooks, read } = place(t, line);
    await hooks.run('beforeStart', { action: 'deploy' }, never);
    assert.equal(read('here'), 'shop a beforeStart deploy [] its own\n');
    assert.match(
      read('state/node.log'),
      /^lameduck: beforeStart: echo .*\nprinted\nbad\nlameduck: beforeStart: exited with code 0 after /,
    );
  });

  it('that does not exit with 0 fails the step, with its last lines', async (t) => {
    const { hooks } = place(t, 'echo first; echo no space left; exit 4');
    await assert.rejects(hooks.run('beforeStart', { action: 'deploy' }, never), {
      code: 'hookFailed',
      message:
        /^Cannot run hook "beforeStart" of node "a": it must exit with code 0: current value is: exited with code 4:\nfirst\nno space left\n/,
    });
  });

  it('that cannot be run fails too', async (t) => {
    const { hooks } = place(t, ['./missing', 'now']);
    assert.equal(hooks.describe('beforeStart'), './missing now');
    await assert.rejects(hooks.run('beforeStart', { action: 'deploy' }, never), (thrown: LameduckError) => {
      assert.match(thrown.message, /cannot be run: .*ENOENT/);
      assert.equal(thrown.details['hasRun'], false);
      return true;
    });
    assert.equal(hooks.describe('rollBack'), undefined);
    await hooks.run('rollBack', { action: 'rollBack' }, never);
  });

  it('whose time is over is ended with all that it has started', async (t) => {
    const { hooks, read } = place(t, 'sleep 600 & echo $! >child; wait', 500);
    await assert.rejects(
      hooks.run('beforeStart', { action: 'deploy' }, never),
      /did not end within 500 ms \(hooks.timeout\) and was killed/,
    );
    assert.equal(readProcess(Number(read('child')))?.state ?? 'Z', 'Z');
  });

  it('that nobody wants any more is ended', async (t) => {
    const { hooks, read } = place(t, 'echo $$ >me; exec sleep 600');
    const stop = new AbortController();
    const run = hooks.run('beforeStart', { action: 'deploy' }, stop.signal);
    setTimeout(() => stop.abort(new Error('stopping')), 500);
    await assert.rejects(run, /stopping/);
    assert.equal(readProcess(Number(read('me')))?.state ?? 'Z', 'Z');
  });

  it('that a dead controller left running is ended before the next one', async (t) => {
    const { folder, hooks } = place(t, 'true');
    const left = spawn('sleep', ['600'], { stdio: 'ignore' });
    t.after(() => left.kill('SIGKILL'));
    const found = readProcess(left.pid ?? 0);
    assert.ok(found);
    const { pid, startTime } = found;
    await writeRecord(join(folder, 'state', 'hook.json'), {
      pid,
      startTime,
      bootId: readBootId(),
      command: [],
    });
    // also where there is nothing to run
    await hooks.run('rollBack', { action: 'rollBack' }, never);
    assert.equal(findLiving({ pid, startTime }), undefined);
    writeFileSync(join(folder, 'state', 'hook.json'), 'torn');
    await hooks.run('beforeStart', { action: 'deploy' }, never);
  });
});
