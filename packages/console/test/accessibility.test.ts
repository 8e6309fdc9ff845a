import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { noBrowser } from './support/browser.ts';
import type { FakeDaemon } from './support/fake-daemon.ts';
import { inspectPage } from './support/inspect.ts';
import { useBrowser } from './support/use-browser.ts';

const phone = { width: 390, height: 844 };
const desktop = { width: 1280, height: 900 };

/** Every page, and what is there when it is complete. */
const pages = [
  ['#/nodes/c', '[data-node=c] section:nth-of-type(2)'],
  ['#/operations/2', '.proofs'],
  ['#/operations/5', '[data-operation="5"] .deadline'],
  ['#/rollout', '.page-rollout .primary'],
  ['#/history', '.page-history td'],
  ['#/audit', '.page-audit td'],
  ['#/nodes/zz', '.page-node h1:has-text("no node zz")'],
] as const;

describe('the console for everybody', { skip: noBrowser, timeout: 180_000 }, () => {
  const { start, open, atEnd } = useBrowser();

  async function busy(): Promise<FakeDaemon> {
    const daemon = await start({ nodes: 6, hasPast: true });
    daemon.service.tick();
    daemon.service.setState('c', 'unhealthy', 'status 503');
    daemon.service.setState('d', 'stopped');
    daemon.service.setEdge('edge-2', { desired: [], out: ['a'], isConverged: false });
    daemon.hold('drain');
    daemon.operate('restart', 'b').catch(() => {});
    atEnd(async () => daemon.release('drain'));
    return daemon;
  }

  for (const colorScheme of ['light', 'dark'] as const) {
    for (const [name, viewport] of Object.entries({ phone, desktop })) {
      it(`has names, one heading and enough contrast: ${colorScheme}, ${name}, every page`, async () => {
        const daemon = await busy();
        const page = await open(daemon, { colorScheme, viewport });
        await page.getByRole('article', { name: 'Restart b' }).waitFor();
        assert.deepEqual(await page.evaluate(inspectPage), []);
        for (const [hash, shown] of pages) {
          await page.goto(daemon.url + hash);
          await page.locator(shown).first().waitFor();
          assert.deepEqual(await page.evaluate(inspectPage), [], hash);
        }
        await page.goto(`${daemon.url}#/`);
        await page.getByRole('button', { name: 'Restart a' }).click();
        await page.getByText('stay in rotation;').waitFor();
        assert.deepEqual(await page.evaluate(inspectPage), [], 'dialog');
      });
    }

    it(`messages cover nothing that can be pressed: ${colorScheme}`, async () => {
      const daemon = await start({ nodes: 6, hasPast: true });
      daemon.role = 'viewer';
      for (const viewport of [phone, desktop]) {
        const page = await open(daemon, { colorScheme, viewport });
        await page.locator('tr.node').last().scrollIntoViewIfNeeded();
        for (const node of ['a', 'f']) {
          await page.getByRole('button', { name: `Drain ${node}` }).click();
          await page.getByRole('dialog').getByRole('button', { name: 'Drain', exact: true }).click();
          await page.getByText(`Drain ${node} did not work`).waitFor();
        }
        assert.deepEqual(await page.evaluate(inspectPage), []);
        await page.locator('tr.node').last().scrollIntoViewIfNeeded();
        assert.deepEqual(await page.evaluate(inspectPage), [], 'at the end of the page');
      }
    });

    it(`is as readable while it sees nothing: ${colorScheme}`, async () => {
      const daemon = await start({ hasPast: true });
      const page = await open(daemon, { colorScheme });
      await page.getByRole('heading', { name: 'Nothing is in danger.' }).waitFor();
      await daemon.close();
      await page.getByText('The daemon does not answer.').waitFor();
      assert.deepEqual(await page.evaluate(inspectPage), []);
      const locked = await open(await start({ token: 'x', hasPast: true }), { colorScheme, viewport: phone });
      await locked.getByRole('heading', { name: 'The daemon wants a token.' }).waitFor();
      assert.deepEqual(await locked.evaluate(inspectPage), []);
      const empty = await open(await start({ nodes: 0, hasPast: false }), { colorScheme, viewport: phone });
      await empty.getByRole('heading', { name: 'Nothing to watch.' }).waitFor();
      assert.deepEqual(await empty.evaluate(inspectPage), []);
    });
  }

  it('can be worked with the keyboard alone', async () => {
    const daemon = await start({ hasPast: true });
    const page = await open(daemon);
    await page.locator('tr.node').first().waitFor();
    const { keyboard } = page;
    await keyboard.press('j');
    await keyboard.press('j');
    await page.locator('tr[data-node=b][aria-selected=true] #node-b:focus').waitFor();
    const outline = await page.evaluate<string>('getComputedStyle(document.activeElement).outlineStyle');
    assert.equal(outline, 'solid', 'the focus can be seen');
    await keyboard.press('d');
    await page.getByRole('dialog', { name: 'Drain b?' }).getByText('2 of 3 stay in rotation').waitFor();
    for (let presses = 0; presses < 7; presses += 1) {
      await keyboard.press(presses < 4 ? 'Tab' : 'Shift+Tab');
      assert.ok(
        await page.evaluate<boolean>("document.querySelector('dialog').contains(document.activeElement)"),
      );
    }
    await keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await page.locator('#node-b:focus').waitFor();
    assert.equal(daemon.posted.length, 0, 'nothing was done');
    await keyboard.press('d');
    await page.getByRole('dialog').getByText('2 of 3 stay in rotation').waitFor();
    await keyboard.press('Tab');
    await keyboard.press('Enter');
    await page.locator('tr[data-node=b][data-state=draining]').waitFor();
    await keyboard.press('Enter');
    await page.getByRole('heading', { name: /^b\s+is draining/ }).waitFor();
    await keyboard.press('Escape');
    await page.getByRole('searchbox').waitFor();
    await keyboard.press('/');
    await keyboard.type('zzz');
    await page.getByText('No node is like that.').waitFor();
    await page.getByRole('searchbox').fill('');
    await page.getByRole('searchbox').blur();
    await keyboard.press('g');
    await keyboard.press('a');
    await page.getByRole('heading', { name: 'Audit' }).waitFor();
    await keyboard.press('?');
    await page.getByRole('dialog', { name: 'Keyboard' }).waitFor();
  });

  it('tells a screen reader what changes', async () => {
    const daemon = await start({ hasPast: true });
    const page = await open(daemon);
    await page.getByRole('heading', { name: 'Nothing is in danger.' }).waitFor();
    await daemon.operate('drain', 'b');
    await page.getByRole('status').getByText('Drain b: drained').waitFor({ state: 'attached' });
    await daemon.close();
    await page.getByRole('alert').getByText('The daemon does not answer').waitFor({ state: 'attached' });
  });

  it('changes its colours by choice and keeps the choice', async () => {
    const daemon = await start({ hasPast: true });
    const page = await open(daemon, { colorScheme: 'light' });
    const shown = (): Promise<string> => page.evaluate<string>('document.documentElement.dataset.theme');
    assert.equal(await shown(), 'light');
    await page.keyboard.press('m');
    await page.keyboard.press('m');
    await page.locator('html[data-theme=dark]').waitFor();
    await page.reload();
    await page.locator('h1').waitFor();
    assert.equal(await shown(), 'dark');
  });
});
