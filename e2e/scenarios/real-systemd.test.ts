import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { assertNothingLost } from '../support/assertions.ts';
import { whyNoSystemd } from '../support/real-systemd.ts';
import { makeRunFolder } from '../support/run-service.ts';
import { noted, service, shopCode, slowStart, withSystemdShop } from '../support/systemd-shop.ts';
import { until } from '../support/until.ts';

const broken = "throw new Error('no database today');\n";

describe('start, reload and restart under a real systemd', { skip: whyNoSystemd() }, () => {
  const shop = withSystemdShop(makeRunFolder());

  const reloadThrice = (): Promise<void> => reload([2, 3, 4]);
  async function reload(generations: readonly number[]): Promise<void> {
    for (const generation of generations) {
      await shop.systemctl('reload');
      assert.equal(await shop.status(), `ready, 2 workers, generation ${generation}`);
    }
  }

  it('R23: start returns when the workers are ready', async () => {
    await shop.deploy(shopCode(slowStart));
    const started = shop.systemctl('start');
    await until('it starts', async () => (await shop.status()) === 'starting');
    assert.equal(await shop.show('ActiveState'), 'activating');
    await started;
    assert.equal(await shop.show('ActiveState'), 'active');
    assert.equal(await shop.status(), 'ready, 2 workers, generation 1');
    assert.equal((await shop.pids()).length, 3);
  });

  it('R23: reload under load returns with the new generation and loses nothing', async (test) => {
    await shop.startAfresh();
    const main = await shop.mainPid();
    assertNothingLost(noted(test, await shop.underLoad(reloadThrice)), 200);
    assert.equal(await shop.mainPid(), main);
  });

  it('R23: HUP makes the unit "reloading" until the new workers are ready', async () => {
    await shop.startAfresh();
    await shop.deploy(shopCode(slowStart));
    await shop.signalMain('HUP');
    await until('it reloads', async () => (await shop.show('ActiveState')) === 'reloading');
    await until('it has reloaded', async () => (await shop.show('ActiveState')) === 'active', 30_000);
    assert.equal(await shop.status(), 'ready, 2 workers, generation 2');
  });

  it('R4, R23: a broken entry makes reload fail, with its reason in the journal, and loses nothing', async (test) => {
    await shop.startAfresh();
    const journal = await shop.watchJournal();
    await shop.deploy(broken);
    const result = await shop.underLoad(async () => {
      const { code, stderr } = await shop.machine.run('systemctl', 'reload', service);
      assert.equal(code, 1, stderr);
    });
    assertNothingLost(noted(test, result), 50);
    assert.match(await journal(), /lameduck: Cannot reload .*no database today/);
    assert.equal(await shop.show('ActiveState'), 'active');
    assert.match(await shop.status(), /generation 1; the reload to generation 2 failed$/);
  });

  it('R23: Type=notify-reload: reload returns with the new generation and loses nothing', async (test) => {
    if (shop.machine.version < 253) return test.skip(`systemd ${shop.machine.version} has no such type`);
    await shop.startAfresh('Type=notify-reload\nExecReload=');
    assertNothingLost(noted(test, await shop.underLoad(reloadThrice)), 200);
    await shop.deploy(broken);
    // systemd hears that it is over, and that only
    await shop.systemctl('reload');
    assert.match(await shop.status(), /generation 4; the reload to generation 5 failed$/);
  });

  it('R23: restart under load loses nothing: connections wait in the queue of the socket unit', async (test) => {
    await shop.startAfresh();
    const mains = new Set([await shop.mainPid()]);
    const journal = await shop.watchJournal();
    const result = await shop.underLoad(async () => {
      for (let turn = 0; turn < 2; turn += 1) {
        await shop.systemctl('restart');
        mains.add(await shop.mainPid());
      }
    });
    assertNothingLost(noted(test, result), 100);
    assert.equal(mains.size, 3);
    assert.doesNotMatch(await journal(), /Killing process/);
  });
});
