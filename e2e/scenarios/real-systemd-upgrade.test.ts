import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ask } from '../support/ask.ts';
import { assertNothingLost } from '../support/assertions.ts';
import { whyNoSystemd } from '../support/real-systemd.ts';
import { makeRunFolder } from '../support/run-service.ts';
import { beginSlow, noted, withSystemdShop } from '../support/systemd-shop.ts';

describe('an upgrade of the master under a real systemd', { skip: whyNoSystemd() }, () => {
  const shop = withSystemdShop(makeRunFolder());

  for (const mode of ['process', 'mixed'])
    it(`R22: MAINPID follows, and a restart at once kills nobody (KillMode=${mode})`, async (test) => {
      await shop.startAfresh(`KillMode=${mode}`);
      const journal = await shop.watchJournal();
      let before: number[] = [];
      const result = await shop.underLoad(async () => {
        const slow = await beginSlow(shop.url, 10_000);
        before = await shop.upgrade();
        const isOldThere = (await shop.pids()).some((pid) => before.includes(pid));
        assert.ok(isOldThere, 'the old master has left too early for this test');
        await shop.systemctl('restart');
        assert.equal(await slow.answer, 200);
      });
      assertNothingLost(noted(test, result), 100);
      assert.doesNotMatch(await journal(), /Killing process|not our child/);
      await shop.gone(before);
      assert.equal((await shop.pids()).length, 3);
      assert.equal(await shop.show('NRestarts'), '0');
    });

  it('R22: stop after an upgrade ends the new master gracefully, and nobody is left', async () => {
    await shop.startAfresh();
    const old = await shop.upgrade();
    await shop.gone(old);
    const slow = await beginSlow(shop.url, 2000);
    const journal = await shop.watchJournal();
    await shop.systemctl('stop');
    assert.equal(await slow.answer, 200);
    assert.deepEqual(await shop.pids(), []);
    assert.equal(await shop.show('Result'), 'success');
    assert.doesNotMatch(await journal(), /Killing process/);
  });

  it('R22: a new master that cannot start changes nothing for systemd', async () => {
    await shop.startAfresh();
    const main = await shop.mainPid();
    await shop.deploy("throw new Error('no database today');\n");
    const { code, stderr } = await shop.ctl('upgrade');
    assert.equal(code, 1);
    assert.match(stderr, /no database today/);
    assert.equal(await shop.mainPid(), main);
    assert.equal(await shop.show('ActiveState'), 'active');
    assert.equal((await shop.pids()).length, 3);
    assert.equal((await ask(shop.url, 'GET', '/fast')).status, 200);
  });

  it('R22: an upgraded master that crashes is started again', async () => {
    await shop.startAfresh();
    await shop.gone((await shop.upgrade()).slice(0, 1));
    await shop.signalMain('KILL');
    await shop.isBack(1);
    assert.equal((await ask(shop.url, 'GET', '/fast')).status, 200);
  });
});
