import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { ask } from '../support/ask.ts';
import { assertNothingLost } from '../support/assertions.ts';
import { whyNoSystemd } from '../support/real-systemd.ts';
import { makeRunFolder } from '../support/run-service.ts';
import { beginSlow, noted, service, shopCode, socket, withSystemdShop } from '../support/systemd-shop.ts';
import { until } from '../support/until.ts';

const broken = "throw new Error('no database today');\n";

describe('faults under a real systemd', { skip: whyNoSystemd() }, () => {
  const shop = withSystemdShop(makeRunFolder());

  it('R3, R19: a master that is killed is started again; its workers finish what they have, then go', async (test) => {
    await shop.startAfresh();
    const before = await shop.pids();
    const result = await shop.underLoad(async () => {
      // in the middle of the load
      await pause(1000);
      const slow = await beginSlow(shop.url, 3000);
      await shop.signalMain('KILL');
      assert.equal(await slow.answer, 200);
      await shop.isBack(1);
    });
    assertNothingLost(noted(test, result), 100);
    await shop.gone(before);
    assert.equal((await shop.pids()).length, 3);
  });

  it('R23: the watchdog has a master that is stuck killed and started again', async () => {
    await shop.startAfresh('WatchdogSec=3s');
    const before = await shop.pids();
    const journal = await shop.watchJournal();
    await shop.signalMain('STOP');
    await shop.isBack(1);
    assert.match(await journal(), /Watchdog timeout/);
    await shop.gone(before);
    assert.equal((await ask(shop.url, 'GET', '/fast')).status, 200);
  });

  it('R23: stop honours our deadline where that of systemd is shorter, and a cut request is no failure', async () => {
    const command = (await shop.show('ExecStart')).match(/argv\[\]=(.*?) ;/)?.[1]?.replace(/30s$/, '3s');
    await shop.startAfresh(`ExecStart=\nExecStart=${command}\nTimeoutStopSec=1s`);
    const journal = await shop.watchJournal();
    const endless = await beginSlow(shop.url, 60_000);
    const short = await beginSlow(shop.url, 2000);
    const startedAt = performance.now();
    await shop.systemctl('stop');
    const tookMs = performance.now() - startedAt;
    assert.deepEqual([await short.answer, await endless.answer], [200, 0]);
    assert.ok(tookMs > 2500 && tookMs < 15_000, `it took ${tookMs} ms`);
    assert.doesNotMatch(await journal(), /timed out/);
    assert.equal(await shop.show('ExecMainStatus'), '5');
    assert.equal(await shop.show('Result'), 'success');
    assert.deepEqual(await shop.pids(), []);
  });

  for (const [status, what, lines, code] of [
    [3, 'an application that cannot start', '', broken],
    [78, 'wrong settings', 'Environment=LAMEDUCK_KILL_MARGIN=x', shopCode()],
  ] as const)
    it(`R23: exit status ${status} (${what}) fails the start and is not tried again`, async () => {
      await shop.systemctl('stop');
      await shop.configure(lines);
      await shop.deploy(code);
      const result = await shop.machine.run('systemctl', 'start', service);
      assert.equal(result.code, 1);
      assert.equal(await shop.show('ExecMainStatus'), String(status));
      assert.equal(await shop.show('ActiveState'), 'failed');
      assert.equal(await shop.show('NRestarts'), '0');
    });

  it('R23: a connection that waits does not start what cannot start for ever: in the end it is refused', async () => {
    await shop.machine.write({
      [`/etc/systemd/system/${socket}.d/limit.conf`]: '[Socket]\nTriggerLimitBurst=3\n',
    });
    await shop.systemctl('stop');
    await shop.configure('');
    await shop.machine.systemctl('restart', socket);
    await shop.deploy(broken);
    const client = connect(Number(new URL(shop.url).port), '127.0.0.1').on('error', () => undefined);
    const stateOfSocket = (): Promise<string> => shop.machine.show(socket, 'ActiveState');
    await until('systemd gives up', async () => (await stateOfSocket()) === 'failed', 60_000);
    client.destroy();
    assert.equal(await shop.machine.show(socket, 'Result'), 'trigger-limit-hit');
    await assert.rejects(ask(shop.url, 'GET', '/fast'), { code: 'ECONNREFUSED' });
    await shop.deploy(shopCode());
    await shop.systemctl('start');
    assert.equal((await ask(shop.url, 'GET', '/fast')).status, 200);
  });
});
