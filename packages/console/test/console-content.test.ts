import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { EdgeView } from '@lameduck/core';
import { noBrowser } from './support/browser.ts';
import { useBrowser } from './support/use-browser.ts';

describe('what the console shows in a browser', { skip: noBrowser, timeout: 180_000 }, () => {
  const { start, open } = useBrowser();

  it('shows what is seen of a canary while it soaks, and who asked for the rollout', async () => {
    const daemon = await start();
    daemon.service.rollout = {
      ...{ id: 7, state: 'soaking', batch: 1, canary: 1, canaryNodes: ['a'], by: 'ada' },
      ...{ pending: ['b', 'c'], running: [], done: ['a'], beganAt: new Date().toISOString() },
      criteria: [
        { name: 'health', verdict: 'passed' },
        { name: 'errorRate', verdict: 'failed', value: 0.031, limit: 0.01 },
      ],
    };
    const page = await open(daemon, { hash: '#/rollout' });
    await page.getByText('Asked for by ada.').waitFor();
    await page.locator('[data-verdict=failed]', { hasText: 'errors 3.1 % (at most 1 %)' }).waitFor();
  });

  it('tells of a deployment in a rollout that it was rolled back', async () => {
    const daemon = await start();
    await daemon.operate('restart', 'a');
    Object.assign(daemon.service.history[0]?.report ?? {}, { result: 'failed', rolledBack: true });
    daemon.service.rollout = {
      ...{ id: 8, state: 'aborted', batch: 1, pending: ['b', 'c'], running: [], done: ['a'] },
      beganAt: daemon.service.history[0]?.beganAt ?? '',
    };
    const page = await open(daemon, { hash: '#/rollout' });
    await page.getByRole('link', { name: 'failed, rolled back' }).click();
    await page.getByText('was rolled back to the one before').waitFor();
  });

  it('says of an edge that it holds requests, and how many', async () => {
    const daemon = await start();
    const page = await open(daemon);
    daemon.service.setEdge('edge-2', { paused: { sinceMs: 100, holdMs: 30_000 }, held: 12 });
    await page.getByText('Paused: 12 requests wait here').waitFor();
  });

  it('follows the log of a node, and says where there is none', async () => {
    const daemon = await start();
    const page = await open(daemon, { hash: '#/nodes/b' });
    await page.getByText('Log', { exact: true }).click();
    const log = page.getByRole('log', { name: 'Log of b' });
    await log.getByText('b line 40').waitFor();
    daemon.logs.get('b')?.('a worker has begun');
    await log.getByText('a worker has begun').waitFor();
    const isAtEnd = 'document.querySelector(".log pre").scrollTop > 0';
    assert.ok(await page.evaluate<boolean>(isAtEnd), 'what came last is seen');
    await page.goto(`${daemon.url}#/nodes/c`);
    await page.getByText('Log', { exact: true }).click();
    await page.getByText('one that lameduck started is wanted').waitFor();
  });

  it('says when the daemon is newer, and ignores what it does not know', async () => {
    const daemon = await start({ version: '0.4.0' });
    const page = await open(daemon);
    await page.getByText('The daemon is now 0.4.0').waitFor();
    daemon.emit('weather', { sky: 'blue' });
    daemon.service.change('b', { inFlight: 41 });
    await page.locator('tr[data-node=b]', { hasText: '41' }).waitFor();
  });

  it('works with an older daemon that tells less', async () => {
    const daemon = await start({ version: '0.0.4' });
    for (const edge of daemon.service.edges as { -readonly [Key in keyof EdgeView]?: EdgeView[Key] }[]) {
      delete edge.desired;
      delete edge.out;
      delete edge.isConverged;
    }
    const page = await open(daemon);
    await page.getByText('older than this page').waitFor();
    await page.getByRole('heading', { name: 'Nothing is in danger.' }).waitFor();
  });

  it('alarms when an edge has loaded something else than was asked', async () => {
    const daemon = await start();
    const page = await open(daemon);
    daemon.service.setEdge('edge-2', { desired: [], out: ['a'], isConverged: false });
    await page.getByRole('heading', { name: 'edge-2 still keeps a out.' }).waitFor();
    await page.getByRole('alert').getByText('edge-2 still keeps a out').waitFor({ state: 'attached' });
  });

  it('finds things in history and audit, and keeps the search in the link', async () => {
    const daemon = await start({ hasPast: true });
    const page = await open(daemon, { hash: '#/history' });
    await page.getByRole('link', { name: 'restart a' }).waitFor();
    await page.getByRole('searchbox').fill('drained');
    await page.getByRole('link', { name: 'restart a' }).waitFor({ state: 'detached' });
    assert.match(page.url(), /#\/history\?search=drained$/);
    await page.goto(`${daemon.url}#/audit?search=deploy`);
    await page.getByRole('cell', { name: 'deploy' }).first().waitFor();
    assert.equal(await page.getByRole('cell', { name: /^ada/ }).count(), 0);
  });

  it('says what to do where there is no node', async () => {
    const page = await open(await start({ nodes: 0 }));
    await page.getByRole('heading', { name: 'Nothing to watch.' }).waitFor();
    await page.getByText('Put at least one node into').waitFor();
  });

  it('draws 500 nodes, of which the table holds only those on the screen', async () => {
    const daemon = await start({ nodes: 500, edges: 10 });
    const page = await open(daemon);
    await page.getByRole('img', { name: 'All nodes at a glance' }).waitFor();
    assert.ok((await page.locator('tr.node').count()) < 80);
    await page.evaluate('document.querySelector("main").scrollTo(0, 1e6)');
    await page.locator('tr[data-node=web-500]').waitFor();
    assert.ok((await page.locator('tr.node').count()) < 80);
    daemon.service.setState('web-250', 'unhealthy', 'status 503');
    await page.getByRole('heading', { name: 'web-250 is unhealthy.' }).waitFor();
    await page.getByRole('searchbox').fill('unhealthy');
    await page.locator('tr[data-node=web-250]').waitFor();
    assert.equal(await page.locator('tr.node').count(), 1);
  });
});
