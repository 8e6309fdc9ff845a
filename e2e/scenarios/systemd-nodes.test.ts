import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { stringify } from 'yaml';
import { assertNothingLost } from '../support/assertions.ts';
import { allServe } from '../support/daemon.ts';
import { freePorts } from '../support/ports.ts';
import { nodeOf, reportOf, statusOf } from '../support/reports.ts';
import { makeRunFolder, type RunningService, startUp } from '../support/run-service.ts';
import { projectRoot } from '../support/service-config.ts';
import { underLoad } from '../support/under-load.ts';
import { until } from '../support/until.ts';

const launcher = join(projectRoot, 'packages', 'cli', 'bin', 'lameduck.cjs');
const fixtures = join(projectRoot, 'packages', 'controller', 'test', 'fixtures', 'systemd');
const names = ['a', 'b', 'c'];

/** A folder with a fake systemd, whose units run our master; PATH leads to its systemctl. */
async function makePlace(): Promise<Parameters<typeof startUp>[0] & { readonly path: string }> {
  const folder = makeRunFolder();
  const ledgerDir = join(folder, 'ledger');
  const ports = await freePorts(names.length + 1);
  const systemd = join(folder, 'systemd');
  for (const [index, name] of names.entries()) {
    const port = ports[index + 1];
    const unit = join(systemd, `shop@${name}.service`);
    mkdirSync(unit, { recursive: true });
    const entry = join(projectRoot, 'examples', 'shop', 'app.ts');
    const command = [
      process.execPath,
      launcher,
      'run',
      entry,
      '--bind',
      `127.0.0.1:${port}`,
      '--workers',
      '1',
    ];
    const environment = { LEDGER_DIR: ledgerDir, NODE_NAME: name };
    writeFileSync(join(unit, 'command.json'), JSON.stringify({ command, environment }));
  }
  const line = `exec ${process.execPath} ${join(fixtures, 'fake-systemctl.mjs')} ${systemd} "$@"`;
  writeFileSync(join(systemd, 'systemctl'), `#!/bin/sh\n${line}\n`, { mode: 0o755 });
  mkdirSync(ledgerDir);
  const configFile = join(folder, 'lameduck.yaml');
  const config = {
    service: 'shop',
    edges: [{ name: 'edge-1', listen: `127.0.0.1:${ports[0]}` }],
    nodes: names.map((name, index) => ({
      name,
      address: `127.0.0.1:${ports[index + 1]}`,
      health: { path: '/-/ready' },
      systemd: { unit: `shop@${name}.service` },
    })),
    shutdown: { timeoutGracefulShutdown: '10s', margin: '4s' },
  };
  writeFileSync(configFile, stringify(config));
  return { folder, ledgerDir, ports, configFile, path: `${systemd}:${process.env['PATH']}` };
}

describe('nodes that a fake systemd runs, beside a daemon', () => {
  let service: RunningService;
  let calls: () => string;
  before(async () => {
    const place = await makePlace();
    calls = () => readFileSync(join(place.folder, 'systemd', 'calls'), 'utf8');
    service = await startUp(place, { command: 'daemon', environment: { PATH: place.path } });
  });
  after(async () => {
    for (const name of names) await service.lameduck('stop', name);
    const { edges, nodes } = await statusOf(service);
    assert.deepEqual(
      nodes.filter(({ pid }) => pid !== undefined).map(({ name }) => name),
      ['c'],
      'the guard keeps one',
    );
    for (const pid of [nodes.at(-1)?.pid, edges[0]?.pid]) process.kill(pid ?? 0, 'SIGTERM');
    await until('the last one has ended', async () => (await nodeOf(service, 'c')).pid === undefined);
    const exited = once(service.up, 'exit');
    assert.equal(await service.stop(), 0);
    await exited;
  });

  it('are started, restarted and rolled out by systemctl, and nothing is lost', async () => {
    assert.ok(
      (await statusOf(service)).nodes.every(({ state, kind }) => state === 'stopped' && kind === 'systemd'),
    );
    for (const name of names) assert.equal((await service.lameduck('start', name)).code, 0);
    assert.ok(await allServe(service));
    const ledger = await underLoad(service, { connections: 20 }, async () => {
      const restarted = await service.lameduck('restart', 'a', '--json');
      assert.equal(reportOf(restarted).result, 'exited', restarted.stdout + restarted.stderr);
      const rolled = await service.lameduck('rollout');
      assert.equal(rolled.code, 0, rolled.stderr);
    });
    assertNothingLost(ledger, 100);
    assert.equal((calls().match(/^.* stop --no-block -- shop@a\.service$/gm) ?? []).length, 2);
    assert.equal((calls().match(/^.* start --no-block -- shop@a\.service$/gm) ?? []).length, 3);
  });
});
