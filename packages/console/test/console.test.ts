import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TrafficSample } from '@lameduck/core';
import { noBrowser } from './support/browser.ts';
import { useBrowser } from './support/use-browser.ts';

describe('the console in a browser', { skip: noBrowser, timeout: 180_000 }, () => {
  const { start, open } = useBrowser();

  it('says at a glance that nothing is in danger', async () => {
    const page = await open(await start({ hasPast: true }));
    await page.getByRole('heading', { name: 'Nothing is in danger.' }).waitFor();
    assert.equal(await page.locator('tr.node').count(), 3);
    assert.match(await page.title(), /^shop: Nothing is in danger\.$/);
  });

  it('draws the very first second of traffic', async () => {
    const daemon = await start();
    const page = await open(daemon);
    await page.getByText('the charts begin with the first second').waitFor();
    daemon.service.tick();
    const { total } = daemon.service.traffic[0] as TrafficSample;
    await page.getByRole('figure', { name: `Requests/s: requests/s ${total.requests}` }).waitFor();
    daemon.service.change('b', { inFlight: 77 });
    await page.locator('tr[data-node=b] .c-flight', { hasText: '77' }).waitFor();
  });

  it('shows what happens also where the browser draws no frames', async () => {
    const daemon = await start();
    const page = await open(daemon);
    await page.getByRole('heading', { name: 'Nothing is in danger.' }).waitFor();
    await page.evaluate('window.requestAnimationFrame = () => 0');
    for (const inFlight of [77, 78]) {
      daemon.service.change('b', { inFlight });
      await page.locator('tr[data-node=b] .c-flight', { hasText: String(inFlight) }).waitFor();
    }
  });

  it('sees a drain live: in flight falls to 0 before the node is out', async () => {
    const daemon = await start();
    daemon.service.node('b').inFlight = 14;
    const page = await open(daemon);
    await page.locator('tr[data-node=b][data-state=ready]').waitFor();
    daemon.hold('drain');
    const drained = daemon.operate('drain', 'b');
    const card = page.getByRole('article', { name: 'Drain b' });
    await card.locator('[data-in-flight="14"]').waitFor();
    await page.locator('tr[data-node=b][data-state=draining]').waitFor();
    await card.getByText('2 of 2 edges have proved it is out').waitFor();
    await card.getByText('ends in at most').waitFor();
    for (const left of [13, 12, 11]) {
      daemon.step('drain');
      await card.locator(`[data-in-flight="${left}"]`).waitFor();
      await page.locator('tr[data-node=b] .c-flight', { hasText: String(left) }).waitFor();
    }
    daemon.release('drain');
    await drained;
    await page.locator('tr[data-node=b]', { hasText: 'draining' }).waitFor();
    await card.waitFor({ state: 'detached' });
  });

  it('asks before a restart, with what it will cost, and shows the report behind a link', async () => {
    const daemon = await start();
    const page = await open(daemon);
    await page.getByRole('button', { name: 'Restart b' }).click();
    const dialog = page.getByRole('dialog', { name: 'Restart b?' });
    await dialog.getByText('2 of 3 stay in rotation; 4 in flight; at most 35 s').waitFor();
    await dialog.getByRole('button', { name: 'Restart' }).click();
    await page.getByRole('link', { name: /Restart b: exited, lost 0/ }).click();
    await page.getByRole('heading', { name: 'Restart b: it came back.' }).waitFor();
    const steps = page.getByRole('list', { name: 'Steps' });
    assert.equal(await steps.locator('.step-done').count(), 8);
    assert.match(await steps.locator('[data-step=kill]').innerText(), /not needed/);
    assert.match(await page.getByRole('list', { name: 'Proof of each edge' }).innerText(), /edge-1 quiesced/);
    const fresh = await open(daemon, { hash: new URL(page.url()).hash });
    await fresh.getByRole('heading', { name: 'Restart b: it came back.' }).waitFor();
    await fresh.getByText('edge-2').waitFor();
    assert.match(daemon.posted[0]?.key ?? '', /^[0-9a-f]{32}$/);
  });

  it('is refused by the guard in plain words, and can overrule it', async () => {
    const daemon = await start({ nodes: 2 });
    daemon.service.setState('a', 'unhealthy', 'connect ECONNREFUSED');
    const page = await open(daemon);
    await page.getByRole('button', { name: 'Drain b' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('nobody would be left to answer').waitFor();
    const act = dialog.getByRole('button', { name: 'Drain all the same' });
    assert.ok(await act.isDisabled());
    await dialog.getByRole('checkbox').check();
    await act.click();
    await page.locator('tr[data-node=b][data-state=draining]').waitFor();
    assert.deepEqual(daemon.posted[0]?.body, { force: true });
  });

  it('tells a refusal that came after the preview', async () => {
    const daemon = await start({ nodes: 2 });
    const page = await open(daemon);
    await page.getByRole('button', { name: 'Drain b' }).click();
    await page.getByText('1 of 2 stays in rotation').waitFor();
    // the page does not hear of it: only the guard does
    daemon.service.node('a').health = 'down';
    await page.getByRole('dialog').getByRole('button', { name: 'Drain', exact: true }).click();
    await page.getByRole('region', { name: 'Messages' }).getByText('Drain b was refused').waitFor();
  });

  it('pauses, resumes and aborts a rollout', async () => {
    const daemon = await start({ nodes: 4 });
    const page = await open(daemon);
    daemon.hold('drain');
    await page.keyboard.press('o');
    await page.getByRole('dialog').getByRole('button', { name: 'Roll out' }).click();
    const card = page.locator('[data-rollout]');
    await card.getByText('Now a.').waitFor();
    assert.deepEqual(daemon.posted[0]?.body, {}, 'what was left empty is for the configuration to say');
    await card.getByRole('button', { name: 'Pause the rollout' }).click();
    await card.getByText('is paused').waitFor();
    await card.getByRole('button', { name: 'Resume the rollout' }).click();
    await card.getByText('is under way').waitFor();
    await card.getByRole('button', { name: 'Abort the rollout…' }).click();
    await page.getByRole('dialog').getByText('3 nodes that wait stay as they are').waitFor();
    await page.getByRole('dialog').getByRole('button', { name: 'Abort the rollout' }).click();
    daemon.release('drain');
    await page.locator('[data-rollout=aborted]').waitFor();
    assert.equal(await page.getByRole('cell', { name: 'untouched' }).count(), 3);
    assert.deepEqual(
      daemon.posted.map(({ path }) => path),
      ['rollout', 'rollout/pause', 'rollout/resume', 'rollout/abort'],
    );
  });

  it('pauses the whole service and resumes it', async () => {
    const daemon = await start();
    const page = await open(daemon);
    await page.getByRole('button', { name: 'Pause the service…' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Pause' }).click();
    await page.getByRole('heading', { name: 'The service is paused.' }).waitFor();
    await page.keyboard.press('p');
    await page.getByRole('dialog').getByRole('button', { name: 'Resume' }).click();
    await page.getByRole('heading', { name: 'Nothing is in danger.' }).waitFor();
  });

  it('goes on behind the last event that it saw when the connection breaks', async () => {
    const daemon = await start();
    const page = await open(daemon);
    daemon.service.change('b', { inFlight: 33 });
    await page.locator('tr[data-node=b]', { hasText: '33' }).waitFor();
    await daemon.close();
    await page.getByText('The daemon does not answer.').waitFor();
    await page.getByRole('heading', { name: 'Out of sight.' }).waitFor();
    daemon.service.change('b', { inFlight: 77 });
    await daemon.reopen();
    await page.locator('tr[data-node=b]', { hasText: '77' }).waitFor();
    await page.getByRole('heading', { name: 'Nothing is in danger.' }).waitFor();
    assert.equal(daemon.resumedFrom.at(-1), 'boot1-1');
  });

  it('takes the whole state from another daemon, also in the middle of an operation', async () => {
    const daemon = await start();
    const page = await open(daemon);
    daemon.hold('drain');
    const drained = daemon.operate('drain', 'c');
    await page.getByRole('article', { name: 'Drain c' }).waitFor();
    await daemon.close();
    await page.getByText('The daemon does not answer.').waitFor();
    daemon.release('drain');
    await drained;
    await daemon.reopen({ forgets: true });
    await page.locator('[data-link=live]').waitFor();
    await page.getByRole('article', { name: 'Drain c' }).waitFor({ state: 'detached' });
    await page.goto(`${daemon.url}#/history`);
    await page.getByRole('link', { name: 'drain c' }).waitFor();
  });

  it('says what has become of an operation whose daemon went away', async () => {
    const daemon = await start();
    const page = await open(daemon);
    daemon.hold('drain');
    await page.getByRole('button', { name: 'Drain b' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Drain', exact: true }).click();
    await page.getByRole('article', { name: 'Drain b' }).waitFor();
    await daemon.close();
    await page.getByRole('region', { name: 'Messages' }).getByText('The daemon did not answer').waitFor();
    daemon.release('drain');
  });

  it('asks for a token, and again when the daemon has another one', async () => {
    const daemon = await start({ token: 'first' });
    const page = await open(daemon);
    await page.getByRole('heading', { name: 'The daemon wants a token.' }).waitFor();
    await page.getByRole('textbox', { name: 'Token' }).fill('first');
    await page.getByRole('button', { name: 'Unlock' }).click();
    await page.getByRole('heading', { name: 'Nothing is in danger.' }).waitFor();
    daemon.token = 'second';
    await daemon.close();
    await daemon.reopen();
    await page.getByRole('heading', { name: 'The daemon refuses this token.' }).waitFor();
    await page.getByRole('textbox', { name: 'Token' }).fill('second');
    await page.getByRole('button', { name: 'Unlock' }).click();
    await page.getByRole('heading', { name: 'Nothing is in danger.' }).waitFor();
  });

  it('asks for the token that it has lost as soon as it needs it', async () => {
    const daemon = await start({ token: 'first' });
    const page = await open(daemon, { hash: '#token=first' });
    await page.getByRole('heading', { name: 'Nothing is in danger.' }).waitFor();
    await page.evaluate('sessionStorage.clear()');
    await page.getByRole('button', { name: 'Drain b' }).click();
    await page.getByRole('heading', { name: 'The daemon wants a token.' }).waitFor();
    assert.equal(await page.getByRole('dialog').count(), 0);
    await page.getByRole('textbox', { name: 'Token' }).fill('first');
    await page.getByRole('button', { name: 'Unlock' }).click();
    await page.getByRole('heading', { name: 'Nothing is in danger.' }).waitFor();
  });

  it('takes a token from a link and leaves it in no address', async () => {
    const daemon = await start({ token: 'se/cret' });
    const page = await open(daemon, { hash: '#token=se%2Fcret' });
    await page.getByRole('heading', { name: 'Nothing is in danger.' }).waitFor();
    assert.ok(!page.url().includes('cret'));
  });

  it('tells a viewer that the token may only look', async () => {
    const daemon = await start();
    daemon.role = 'viewer';
    const page = await open(daemon);
    await page.getByText('live, may look only').waitFor();
    await page.getByRole('button', { name: 'Drain b' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Drain', exact: true }).click();
    await page.getByText('Your token may look, not act').waitFor();
  });
});
