import assert from 'node:assert/strict';
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { joinLedgers, readServerLedger, runLoad } from '@lameduck/ledger';
import { assertNothingLost } from '../support/assertions.ts';
import { freePorts } from '../support/ports.ts';
import { inside, type Ran, whyNoSystemd, withMachine } from '../support/real-systemd.ts';
import { makeRunFolder } from '../support/run-service.ts';
import { until } from '../support/until.ts';

const names = ['a', 'b', 'c'];
const launcher = `${inside.project}/packages/cli/bin/lameduck.cjs`;
const environment = `Environment=PATH=${inside.path} LEDGER_DIR=${inside.shared}/ledger`;

function nodeUnit(name: string, port = 0): string {
  const app = `${inside.project}/examples/shop/app.ts`;
  const flags = `--workers 1 --bind 127.0.0.1:${port} --timeout-graceful-shutdown 10s`;
  return `[Service]
Type=notify
NotifyAccess=all
${environment} NODE_NAME=${name}
ExecStart=/srv/node/node ${launcher} run ${app} ${flags}
KillMode=process
TimeoutStopSec=20s
SuccessExitStatus=5
Restart=always
RestartSec=1s
`;
}

const serviceUnit = `[Service]
Type=exec
${environment}
WorkingDirectory=/srv/shop
ExecStart=/srv/node/node ${launcher} up
KillMode=process
TimeoutStopSec=60s
`;

// The controller runs inside, too: it tells processes by pid and start time.
describe('nodes that are units of a real systemd', { skip: whyNoSystemd() }, () => {
  const folder = makeRunFolder();
  const own = withMachine(folder);
  let url = '';
  const lameduck = async (...args: string[]): Promise<Ran> => {
    const line = `cd /srv/shop && exec node ${launcher} "$@"`;
    const ran = await own.machine.run('sh', '-c', line, 'lameduck', ...args);
    assert.equal(ran.code, 0, `${args.join(' ')}: ${ran.stdout}${ran.stderr}`);
    return ran;
  };

  before(async () => {
    const { machine } = own;
    mkdirSync(join(machine.shared, 'ledger'));
    chmodSync(join(machine.shared, 'ledger'), 0o1777);
    const [edge, ...ports] = await freePorts(4);
    url = `http://127.0.0.1:${edge}`;
    const config = {
      service: 'shop',
      edges: [{ name: 'edge-1', listen: `127.0.0.1:${edge}` }],
      nodes: names.map((name, index) => ({
        name,
        address: `127.0.0.1:${ports[index]}`,
        health: { path: '/-/ready' },
        systemd: { unit: `shop-${name}.service` },
      })),
      shutdown: { timeoutGracefulShutdown: '10s', margin: '4s' },
    };
    const units = names.map((name, index) => [
      `/etc/systemd/system/shop-${name}.service`,
      nodeUnit(name, ports[index]),
    ]);
    await machine.write({
      ...Object.fromEntries(units),
      '/srv/shop/lameduck.yaml': JSON.stringify(config),
      '/etc/systemd/system/shop.service': serviceUnit,
    });
    await machine.systemctl('start', 'shop.service');
    const isUp = async (): Promise<boolean> => (await machine.journal('shop.service')).includes('ready http');
    await until('the service is up', isUp, 60_000);
  });

  const stateOf = (name: string): Promise<string> => own.machine.show(`shop-${name}.service`, 'ActiveState');
  const isReady = async (): Promise<boolean> =>
    (await lameduck('status')).stdout.includes('3 of 3 nodes ready');

  it('a rollout, a stop and a start under load lose nothing', async () => {
    const connections = { get: 10, fresh: 10, post: 10, upload: 2, stream: 2 };
    const load = runLoad({ url, connections });
    try {
      await lameduck('rollout');
      await lameduck('stop', 'a');
      assert.equal(await stateOf('a'), 'inactive');
      await lameduck('start', 'a');
      assert.equal(await stateOf('a'), 'active');
    } finally {
      await load.stop();
    }
    const servers = await readServerLedger(join(own.machine.shared, 'ledger'));
    assertNothingLost(joinLedgers(await load.done, servers), 300);
  });

  it('a unit that somebody else restarts, and one whose master is killed, are back in rotation', async () => {
    await own.machine.systemctl('restart', 'shop-c.service');
    await until('c is back', isReady, 30_000);
    await own.machine.systemctl('kill', '--signal=KILL', '--kill-who=main', 'shop-b.service');
    await pause(500);
    await until('b is back', isReady, 30_000);
    assert.equal(await stateOf('b'), 'active');
  });
});
