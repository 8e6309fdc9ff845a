import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type RunningService, runService } from '../support/run-service.ts';
import { projectRoot } from '../support/service-config.ts';

const launcher = join(projectRoot, 'packages', 'cli', 'bin', 'lameduck.cjs');

describe('commands of a service whose output nobody reads', () => {
  let service: RunningService;
  before(async () => {
    service = await runService({ nodes: ['app', 'app'] });
  });
  after(async () => {
    assert.equal(await service.stop(), 0);
  });

  /** Exit code of `lameduck` and what it said on standard error. */
  function sh(script: string): Promise<readonly [string, string]> {
    const lameduck = `"${process.execPath}" "${launcher}"`;
    const whole = `${script.replaceAll('lameduck', lameduck)}; exit "\${PIPESTATUS[0]}"`;
    return new Promise((resolve) => {
      execFile('/bin/bash', ['-c', whole], { cwd: service.folder, timeout: 30_000 }, (error, _out, errors) =>
        resolve([String(error?.code ?? 0), errors]),
      );
    });
  }

  for (const command of [
    'lameduck status | head -1',
    'lameduck status --json | true',
    'lameduck status --watch | head -1',
    'lameduck history | true',
    'lameduck top | true',
  ])
    it(`${command}: silent, exit code 0`, async () => {
      assert.deepEqual(await sh(command), ['0', '']);
    });

  it('lameduck events | head -1: ends with 0 when something happens', async () => {
    const events = sh('lameduck events --json | head -1');
    let isOver = false;
    void events.then(() => {
      isOver = true;
    });
    // It may not be listening yet at the first one.
    for (let n = 0; n < 10 && !isOver; n += 1) assert.equal((await service.lameduck('restart', 'a')).code, 0);
    assert.deepEqual(await events, ['0', '']);
  });

  it('a full disk is one message, exit code 1', async () => {
    assert.deepEqual(await sh('lameduck status >/dev/full'), [
      '1',
      'lameduck: Cannot write to standard output: ENOSPC\n',
    ]);
  });

  it('an operation is done all the same, and says so by its exit code', async () => {
    const [code] = await sh('lameduck restart b --json | true');
    assert.equal(code, '0');
    const { json } = await service.lameduck('history', '--json');
    assert.match(JSON.stringify(json), /"restart"/);
  });
});
