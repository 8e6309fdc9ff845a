import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { ServiceStatus } from '@lameduck/core';
import { assertNothingLost } from '../support/assertions.ts';
import { allServe, serveWithDaemon } from '../support/daemon.ts';
import { nodeOf, reportOf, statusOf } from '../support/reports.ts';
import { underLoad } from '../support/under-load.ts';
import { until } from '../support/until.ts';

function pids({ nodes, edges }: ServiceStatus): readonly (number | undefined)[] {
  return [...nodes, ...edges].map(({ pid }) => pid);
}

describe('beside a daemon', () => {
  const world = serveWithDaemon();

  it('operations run as they do beside up', async () => {
    const restarted = await world.service.lameduck('restart', 'b', '--json');
    assert.equal(reportOf(restarted).result, 'exited', restarted.stdout + restarted.stderr);
    assert.equal((await world.service.lameduck('stop', 'c')).code, 0);
    await world.restart('SIGTERM');
    assert.equal((await nodeOf(world.service, 'c')).state, 'stopped');
    assert.equal((await world.service.lameduck('start', 'c')).code, 0);
    assert.ok(await allServe(world.service));
  });

  it('SIGHUP reads the configuration again, and says what is wrong with it', async () => {
    const { service } = world;
    const says = (text: RegExp): Promise<void> => until(String(text), () => text.test(service.log()), 60_000);
    const text = readFileSync(service.configFile, 'utf8');
    service.up.kill('SIGHUP');
    await says(/SIGHUP: not reloaded: nothing has changed/);
    writeFileSync(service.configFile, text.replace('service: shop', 'service: shop\nfoo: 1'));
    service.up.kill('SIGHUP');
    await says(/SIGHUP: not reloaded: .*lameduck.yaml:2:1 foo: is not a known key/);
    writeFileSync(service.configFile, text.replace('service: shop', 'service: other'));
    service.up.kill('SIGHUP');
    await says(/without a restart of the daemon.*: current value is service/);
    const pid = service.up.pid;
    const nodes = pids(await statusOf(service));
    writeFileSync(service.configFile, `${text}health: { interval: 500ms, fall: 4 }\n`);
    const ledger = await underLoad(service, { connections: 20 }, async () => {
      service.up.kill('SIGHUP');
      await says(/SIGHUP: reloading: nodes\.a\.health\.intervalMs, .*nodes\.c\.health\.fall/);
      await until('it is ready again', () => (service.log().match(/^up in /gm)?.length ?? 0) === 2, 60_000);
      assert.ok(await allServe(service));
    });
    assertNothingLost(ledger, 50);
    const status = await statusOf(service);
    assert.deepEqual([status.pid, pids(status)], [pid, nodes]);
    writeFileSync(service.configFile, text);
  });
});

describe('a node that a daemon finds stopped', () => {
  const world = serveWithDaemon();

  it('is not started, and is put into rotation when somebody else has started it', async () => {
    const [, , c] = world.supervisor.nodes;
    await c?.kill();
    await until(
      'c is seen to be gone',
      async () => (await nodeOf(world.service, 'c')).state === 'stopped',
      60_000,
    );
    await world.restart('SIGTERM');
    // longer than the first try of a revival would take
    await pause(2500);
    assert.equal((await nodeOf(world.service, 'c')).state, 'stopped');
    await c?.start();
    await until('c serves', () => allServe(world.service), 60_000);
    assert.equal((await nodeOf(world.service, 'c')).pid, c?.pid);
  });

  it('stays out where an operator has stopped it, until he says ready', async () => {
    assert.equal((await world.service.lameduck('stop', 'c')).code, 0);
    const [, , c] = world.supervisor.nodes;
    await c?.start();
    await until('c is found', async () => (await nodeOf(world.service, 'c')).pid === c?.pid, 60_000);
    await pause(1500);
    const { state, inRotation } = await nodeOf(world.service, 'c');
    assert.deepEqual([state, inRotation], ['drained', false]);
    await world.restart('SIGKILL');
    assert.equal((await nodeOf(world.service, 'c')).state, 'drained');
    assert.equal((await world.service.lameduck('ready', 'c')).code, 0);
    assert.ok(await allServe(world.service));
  });
});
