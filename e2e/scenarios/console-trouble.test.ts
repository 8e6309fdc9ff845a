import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { noBrowser } from '../../packages/console/test/support/browser.ts';
import { assertNothingLost } from '../support/assertions.ts';
import {
  act,
  askSlowly,
  everyNodeAnswers,
  everywhere,
  isIn,
  message,
  problemsOf,
} from '../support/console-page.ts';
import { consoleTokens, hashToken, type Page, serveConsole } from '../support/console-service.ts';
import { edgeProcesses } from '../support/edge-processes.ts';
import { copyPackage } from '../support/package-copy.ts';
import { makeRunFolder } from '../support/run-service.ts';
import { underLoad } from '../support/under-load.ts';

const token = consoleTokens.operator;
const load = { connections: { get: 2, fresh: 2, post: 2, slow: 2, upload: 1, stream: 1 } };
const fine = { name: 'Nothing is in danger.' };

async function unlock(page: Page, text: string): Promise<void> {
  await page.getByRole('textbox', { name: 'Token' }).fill(text);
  await page.getByRole('button', { name: 'Unlock' }).click();
}

describe('the console of a real daemon in trouble', { skip: noBrowser, timeout: 240_000 }, () => {
  const world = serveConsole();
  const folder = makeRunFolder();
  const builds = { newer: '', older: '' };
  before(() => {
    builds.newer = copyPackage(join(folder, 'newer'), '99.1.0');
    builds.older = copyPackage(join(folder, 'older'), '0.0.4');
  });
  after(() => rmSync(folder, { recursive: true }));

  it('asks for the token that it has lost as soon as it needs it, and goes on with it', async () => {
    const page = await world.open({ token });
    await page.getByRole('heading', fine).waitFor();
    await page.evaluate('sessionStorage.clear()');
    await page.getByRole('button', { name: 'Drain b', exact: true }).click();
    await page.getByRole('heading', { name: 'The daemon wants a token.' }).waitFor();
    assert.ok(await world.allServe(), 'nothing was done');
    await unlock(page, token);
    await act(page, 'Drain', 'b');
    await isIn(page, 'b', 'drained');
    await page.evaluate('sessionStorage.clear()');
    await page.reload();
    await page.getByRole('heading', { name: 'The daemon wants a token.' }).waitFor();
    await unlock(page, token);
    await act(page, 'Put back', 'b');
    await isIn(page, 'b', 'ready');
  });

  for (const [colorScheme, viewport] of [
    ['light', { width: 1280, height: 900 }],
    ['dark', { width: 390, height: 844 }],
  ] as const) {
    it(`can be read, heard and worked with the keyboard while a node drains: ${colorScheme}`, async () => {
      const page = await world.open({ token, colorScheme, viewport });
      await page.getByRole('heading', fine).waitFor();
      const ledger = await underLoad(world.service, load, async () => {
        const slow = askSlowly(world, Array<number>(6).fill(5000));
        await everyNodeAnswers(world);
        for (const key of ['j', 'j', 'd']) await page.keyboard.press(key);
        await page.getByRole('dialog', { name: 'Drain b?' }).getByText('2 of 3 stay in rotation').waitFor();
        assert.deepEqual(await problemsOf(page), [], 'the question');
        await page.keyboard.press('Tab');
        await page.keyboard.press('Enter');
        await page.getByRole('article', { name: 'Drain b' }).getByText('1 of 1 edge has proved').waitFor();
        assert.deepEqual(await problemsOf(page), [], 'while it drains');
        await page.getByRole('status').getByText('Drain b: drained').waitFor({ state: 'attached' });
        await message(page, 'Drain b: drained, lost 0');
        assert.deepEqual(await problemsOf(page), [], 'with a message');
        await page.keyboard.press('y');
        await page.getByRole('dialog', { name: 'Put back b?' }).waitFor();
        await page.keyboard.press('Tab');
        await page.keyboard.press('Enter');
        await isIn(page, 'b', 'ready');
        await slow;
      });
      assertNothingLost(ledger, 50);
    });
  }

  it('finds in history and audit what was done, and by whom', async () => {
    const page = await world.open({ token });
    await page.goto(new URL('#/history', page.url()).href);
    await page.getByRole('link', { name: 'ready b' }).first().waitFor();
    await page.getByRole('searchbox').fill('drain');
    await page.getByRole('link', { name: 'ready b' }).first().waitFor({ state: 'detached' });
    await page.getByRole('link', { name: 'drain b' }).first().waitFor();
    assert.match(page.url(), /#\/history\?search=drain$/);
    await page.goto(new URL('#/audit?search=the-operator', page.url()).href);
    await page.getByRole('cell', { name: 'the-operator' }).first().waitFor();
    await page.getByRole('searchbox').fill('the-viewer');
    await page.getByRole('cell', { name: 'the-operator' }).first().waitFor({ state: 'detached' });
  });

  it('alarms when nginx answers no more, and is well again with it', async () => {
    const page = await world.open({ token });
    await page.getByRole('heading', fine).waitFor();
    const stopped = await edgeProcesses(world.service, 'edge-1');
    for (const pid of stopped) process.kill(pid, 'SIGSTOP');
    try {
      await page.getByRole('heading', { name: 'edge-1 does not answer' }).waitFor();
      await page.getByRole('alert').getByText('edge-1 does not answer').waitFor({ state: 'attached' });
    } finally {
      for (const pid of stopped) process.kill(pid, 'SIGCONT');
    }
    await page.getByRole('heading', fine).waitFor();
  });

  it('sees another daemon come in the middle of an operation, newer and with other tokens', async () => {
    const page = await world.open({ token });
    const ledger = await underLoad(world.service, load, async () => {
      const slow = askSlowly(world, everywhere);
      await everyNodeAnswers(world);
      await act(page, 'Restart', 'c');
      await page.getByRole('article', { name: 'Restart c' }).getByText('1 of 1 edge has proved').waitFor();
      await world.kill();
      await page.getByText('The daemon does not answer.').waitFor();
      await page.getByRole('alert').getByText('The daemon does not answer').waitFor({ state: 'attached' });
      await message(page, 'The daemon did not answer');
      const { configFile } = world.service;
      const config = readFileSync(configFile, 'utf8');
      writeFileSync(configFile, config.replace(hashToken(token), hashToken('replaced-token-0123456789')));
      await world.startAgain(builds.newer);
      await page.getByRole('heading', { name: 'The daemon refuses this token.' }).waitFor();
      await unlock(page, 'replaced-token-0123456789');
      await page.getByText(/The daemon is now 99\.1\.0, this page is \d/).waitFor();
      await isIn(page, 'c', 'ready');
      await page.getByRole('article', { name: 'Restart c' }).waitFor({ state: 'detached' });
      await slow;
      await act(page, 'Drain', 'b');
      await isIn(page, 'b', 'drained');
      await act(page, 'Put back', 'b');
      await isIn(page, 'b', 'ready');
      writeFileSync(configFile, config);
    });
    assertNothingLost(ledger, 50);
  });

  it('says that a daemon is older, or of another API, and is well again with its own', async () => {
    await world.kill();
    await world.startAgain(builds.older);
    const page = await world.open({ token });
    await page.getByText('The daemon is 0.0.4, older than this page').waitFor();
    await page.getByRole('heading', fine).waitFor();
    await world.kill();
    const revision = join(folder, 'newer/node_modules/@lameduck/core/dist/api-version.js');
    const source = readFileSync(revision, 'utf8');
    assert.match(source, /apiRevision = 1;/);
    writeFileSync(revision, source.replace('apiRevision = 1;', 'apiRevision = 2;'));
    await world.startAgain(builds.newer);
    await page.getByText('This page and the daemon are of different versions. Reload the page.').waitFor();
    await page.getByRole('heading', { name: 'Out of sight.' }).waitFor();
    await world.kill();
    await world.startAgain();
    await page.locator('[data-link=live]').waitFor();
    await page.getByRole('heading', fine).waitFor();
    assert.equal(await page.getByRole('region', { name: 'Version' }).count(), 0);
  });
});
