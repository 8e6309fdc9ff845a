import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { noBrowser } from '../../packages/console/test/support/browser.ts';
import { assertNothingLost } from '../support/assertions.ts';
import { act, askSlowly, everyNodeAnswers, everywhere, isIn, message } from '../support/console-page.ts';
import { consoleHosts, consoleTokens, type Page, serveConsole } from '../support/console-service.ts';
import { underLoad } from '../support/under-load.ts';
import { until } from '../support/until.ts';

const token = consoleTokens.operator;
const load = { connections: { get: 2, fresh: 2, post: 2, slow: 2, upload: 1, stream: 1 } };

/** In each chart: points that were drawn, and columns that are painted from top to bottom, which only a band is. */
const drawn = `[...document.querySelectorAll('.chart canvas')].map((canvas) => {
  const { width, height } = canvas;
  const ratio = width / canvas.clientWidth;
  const [top, bottom] = [Math.ceil(18 * ratio), Math.floor(height - 26 * ratio)];
  const { data } = canvas.getContext('2d').getImageData(0, 0, width, height);
  const isPainted = (x, y) => data[(y * width + x) * 4 + 3] > 0;
  let points = 0;
  let bands = 0;
  for (let x = Math.ceil(60 * ratio); x < width; x += 1) {
    let painted = 0;
    for (let y = top; y < bottom; y += 1) painted += isPainted(x, y) ? 1 : 0;
    points += painted;
    bands += painted === bottom - top ? 1 : 0;
  }
  return { points, bands };
})`;

async function charts(page: Page): Promise<{ readonly points: number; readonly bands: number }[]> {
  return page.evaluate(drawn);
}

/** Notes each value that the card of an operation shows, from now on. */
const watchInFlight = `window.seen = [];
new MutationObserver(() => {
  const now = document.querySelector('article.operation [data-in-flight]')?.dataset.inFlight;
  if (now !== undefined && window.seen.at(-1) !== Number(now)) window.seen.push(Number(now));
}).observe(document.body, { subtree: true, childList: true, attributes: true });`;

describe('the console of a real daemon', { skip: noBrowser, timeout: 240_000 }, () => {
  const world = serveConsole();

  it('wants a token, refuses a wrong one, lets a viewer look and not act', async () => {
    const page = await world.open();
    const enter = async (text: string): Promise<void> => {
      await page.getByRole('textbox', { name: 'Token' }).fill(text);
      await page.getByRole('button', { name: 'Unlock' }).click();
    };
    await page.getByRole('heading', { name: 'The daemon wants a token.' }).waitFor();
    await page.getByText('a token is wanted: current value is none').waitFor();
    await enter('some-other-token-0123456789');
    await page.getByRole('heading', { name: 'The daemon refuses this token.' }).waitFor();
    await page.getByText('a token is wanted: current value is a wrong one').waitFor();
    await enter(consoleTokens.viewer);
    await page.getByRole('heading', { name: 'Nothing is in danger.' }).waitFor();
    await page.getByText('live, may look only').waitFor();
    await act(page, 'Drain', 'b');
    await message(page, 'Your token may look, not act');
    assert.ok(await world.allServe());
  });

  it('takes the token of a link, and is not served to pages of a name that it does not know', async () => {
    const page = await world.open({ token });
    await page.getByRole('heading', { name: 'Nothing is in danger.' }).waitFor();
    assert.ok(!page.url().includes(token));
    assert.equal(await page.getByText('may look only').count(), 0);
    const foreign = new URL(page.url());
    foreign.hostname = consoleHosts.foreign;
    const answer = await page
      .context()
      .newPage()
      .then((tab) => tab.goto(foreign.href));
    assert.equal(answer?.status(), 403);
  });

  it('sees a drain live, draws real traffic with what was done behind it, and puts the node back', async () => {
    const page = await world.open({ token });
    const ledger = await underLoad(world.service, load, async () => {
      await page.getByRole('figure', { name: /^Requests\/s: requests\/s [1-9]/ }).waitFor();
      await page.getByRole('figure', { name: /^Latency: p50 \d/ }).waitFor();
      await until('the charts are drawn', async () => {
        const all = await charts(page);
        return all.length === 4 && all.every(({ points }) => points > 500);
      });
      assert.deepEqual(
        (await charts(page)).map(({ bands }) => bands),
        [0, 0, 0, 0],
        'nothing was done yet',
      );
      await page
        .locator('tr[data-node=b]')
        .getByRole('img', { name: /^last \d+ checks: 0 failed/ })
        .waitFor();
      assert.notEqual(await page.locator('tr[data-node=b] .strip-passed').getAttribute('d'), '');
      // they end one by one, and not before somebody who clicks slowly has begun the drain
      const times = Array.from({ length: 18 }, (_, index) => 6000 + 300 * index);
      const slow = askSlowly(world, times);
      await page.locator('tr[data-node=b] .c-flight', { hasText: /[4-9]/ }).waitFor();
      await page.evaluate(watchInFlight);
      await act(page, 'Drain', 'b');
      await page.getByRole('article', { name: 'Drain b' }).getByText('1 of 1 edge has proved').waitFor();
      await isIn(page, 'b', 'draining');
      await isIn(page, 'b', 'drained');
      const seen = (await page.evaluate('window.seen')) as number[];
      // before the edge has proved that it sends nothing more, it may rise once
      const falling = seen.slice(seen.indexOf(Math.max(...seen)));
      assert.ok(falling.length >= 3, `fell step by step: ${seen}`);
      assert.deepEqual(
        falling,
        falling.toSorted((one, other) => other - one),
        `${seen}`,
      );
      await page.locator('tr[data-node=b] .c-flight', { hasText: /^0$/ }).waitFor();
      await slow;
      await until('a band marks it', async () => (await charts(page)).every(({ bands }) => bands > 0));
      await act(page, 'Put back', 'b');
      await isIn(page, 'b', 'ready');
    });
    assertNothingLost(ledger, 100);
  });

  it('restarts, stops and starts nodes, with a report behind a link', async () => {
    const page = await world.open({ token });
    const ledger = await underLoad(world.service, load, async () => {
      const before = (await world.status()).nodes;
      await act(page, 'Restart', 'b');
      await page.getByRole('link', { name: /Restart b: exited, lost 0/ }).click();
      await page.getByRole('heading', { name: 'Restart b: it came back.' }).waitFor();
      assert.match(
        await page.getByRole('list', { name: 'Proof of each edge' }).innerText(),
        /edge-1 quiesced/,
      );
      const other = await world.open({ token });
      await other.goto(page.url());
      await other.getByRole('heading', { name: 'Restart b: it came back.' }).waitFor();
      await page.goto(new URL('#/', page.url()).href);
      await act(page, 'Stop', 'c');
      await isIn(page, 'c', 'stopped');
      await act(page, 'Start', 'c');
      await isIn(page, 'c', 'ready');
      const after = (await world.status()).nodes;
      assert.deepEqual(
        after.map(({ pid }, index) => pid !== before[index]?.pid),
        [false, true, true],
      );
      await page.goto(new URL('#/audit', page.url()).href);
      await page.getByRole('cell', { name: 'the-operator' }).first().waitFor();
    });
    assertNothingLost(ledger, 100);
  });

  it('is refused by the guard in plain words, overrules it, and requests wait until a node is back', async () => {
    const page = await world.open({ token });
    const ledger = await underLoad(world.service, load, async () => {
      for (const node of ['a', 'b']) {
        await act(page, 'Drain', node);
        await isIn(page, node, 'drained');
      }
      await page.getByRole('button', { name: 'Drain c' }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByText('nobody would be left to answer').waitFor();
      const button = dialog.getByRole('button', { name: 'Drain all the same' });
      assert.ok(await button.isDisabled());
      await dialog.getByRole('checkbox').check();
      await button.click();
      await isIn(page, 'c', 'drained');
      await page.getByRole('heading', { name: /^No node serves/ }).waitFor();
      for (const node of ['a', 'b', 'c']) {
        await act(page, 'Put back', node);
        await isIn(page, node, 'ready');
      }
      await page.getByRole('heading', { name: 'Nothing is in danger.' }).waitFor();
    });
    assertNothingLost(ledger, 100);
  });

  it('says that the daemon was killed in the middle of a drain, and what has become of it', async () => {
    const page = await world.open({ token });
    const ledger = await underLoad(world.service, load, async () => {
      const slow = askSlowly(world, everywhere);
      await everyNodeAnswers(world);
      await act(page, 'Drain', 'c');
      await page.getByRole('article', { name: 'Drain c' }).getByText('1 of 1 edge has proved').waitFor();
      await until('it waits for the answers', async () =>
        (await world.status()).nodes.some(({ operation }) => operation?.phase === 'drain'),
      );
      await world.kill();
      await page.getByText('The daemon does not answer.').waitFor();
      await page.getByRole('heading', { name: 'Out of sight.' }).waitFor();
      await message(page, 'The daemon did not answer');
      await world.startAgain();
      await page.locator('[data-link=live]').waitFor();
      // nothing was signalled: the next controller takes back what this one had begun
      await isIn(page, 'c', 'ready');
      await slow;
      await page.goto(new URL('#/history', page.url()).href);
      await page.getByRole('link', { name: 'drain c' }).first().click();
      await page
        .getByText(/The controller ended in the step “(remove|drain)”; the next one reverted it\./)
        .waitFor();
      await page.goto(new URL('#/', page.url()).href);
      await page.getByRole('heading', { name: 'Nothing is in danger.' }).waitFor();
    });
    assertNothingLost(ledger, 100);
  });

  it('pauses, resumes and aborts a rollout', async () => {
    const page = await world.open({ token });
    const before = (await world.status()).nodes;
    const ledger = await underLoad(world.service, load, async () => {
      // the first node cannot leave before its own is answered
      const slow = askSlowly(world, everywhere);
      await everyNodeAnswers(world);
      await page.keyboard.press('o');
      await page.getByRole('dialog').getByRole('button', { name: 'Roll out' }).click();
      const card = page.locator('[data-rollout]');
      await card.getByText('Now a.').waitFor();
      await card.getByRole('button', { name: 'Pause the rollout' }).click();
      await card.getByText('is paused').waitFor();
      await card.getByRole('button', { name: 'Resume the rollout' }).click();
      await card.getByText('is under way').waitFor();
      await card.getByRole('button', { name: 'Abort the rollout…' }).click();
      await page.getByRole('dialog').getByText('2 nodes that wait stay as they are').waitFor();
      await page.getByRole('dialog').getByRole('button', { name: 'Abort the rollout' }).click();
      await page.locator('[data-rollout=aborted]').waitFor();
      await message(page, 'The rollout is aborted: 1 node');
      assert.equal(await page.getByRole('cell', { name: 'untouched' }).count(), 2);
      await slow;
      await until('all serve', world.allServe);
    });
    assertNothingLost(ledger, 100);
    const after = (await world.status()).nodes;
    assert.deepEqual(
      after.map(({ pid }, index) => pid !== before[index]?.pid),
      [true, false, false],
    );
  });
});
