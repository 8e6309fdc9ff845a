import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Api, openApi } from '../support/api.ts';
import { makeRig, never, type Rig } from '../support/rig.ts';

describe('the pages of the console', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lameduck-console-'));
  const dist = join(folder, 'dist');
  let rig: Rig;
  let api: Api;
  let bare: Api;
  before(async () => {
    mkdirSync(join(dist, 'assets'), { recursive: true });
    writeFileSync(join(dist, 'index.html'), '<!doctype html><title>console</title>');
    writeFileSync(join(dist, 'assets', 'index-abc123.js'), 'export {};');
    writeFileSync(join(dist, '.secret'), 'secret');
    writeFileSync(join(folder, 'outside.txt'), 'secret');
    rig = makeRig();
    await rig.controller.open(never);
    api = await openApi(rig, { console: dist, metrics: async () => 'lameduck_up 1\n' });
    bare = await openApi(rig);
  });
  after(async () => {
    await api.close();
    await bare.close();
    await rig.controller.close(AbortSignal.abort());
    rmSync(folder, { recursive: true, force: true });
  });
  const open = { token: undefined };

  it('come without a token, with a policy that lets nothing else in, also where a link leads into the page', async () => {
    for (const path of ['/', '/history/12', '/nodes/a']) {
      const page = await api.ask('GET', path, open);
      assert.equal(page.status, 200, path);
      assert.match(page.text, /<title>console/);
      const policy = page.headers['content-security-policy'];
      assert.match(String(policy), /default-src 'none'; script-src 'self'.*frame-ancestors 'none'/);
      assert.doesNotMatch(String(policy), /unsafe/);
      assert.equal(page.headers['cache-control'], 'no-cache');
      assert.equal(page.headers['x-content-type-options'], 'nosniff');
    }
    const cross = await api.ask('GET', '/', { ...open, headers: { 'sec-fetch-site': 'cross-site' } });
    assert.equal(cross.status, 200, 'a link in a chat leads here');
  });

  it('keep assets whose names change with what is in them for ever', async () => {
    const asset = await api.ask('GET', '/assets/index-abc123.js', open);
    assert.match(asset.headers['content-type'] ?? '', /^text\/javascript/);
    assert.equal(asset.headers['cache-control'], 'public, max-age=31536000, immutable');
  });

  it('are nothing outside of their folder, and nothing hidden', async () => {
    for (const path of [
      '/../outside.txt',
      '/..%2foutside.txt',
      '/%2e%2e/outside.txt',
      '/.secret',
      '/assets/..%2f.secret',
      '/%00.txt',
      '/none.js',
      '/%ff.txt',
    ]) {
      const answer = await api.ask('GET', path, open);
      assert.ok(!answer.text.includes('secret'), path);
      assert.notEqual(answer.status, 500, path);
    }
    assert.equal((await api.ask('GET', '/none.js', open)).status, 404);
  });

  it('say so where the console was not installed', async () => {
    const page = await bare.ask('GET', '/', open);
    assert.equal(page.status, 404);
    assert.match(page.text, /No console here/);
  });

  it('are no way around the token of what is told', async () => {
    for (const path of ['/v1/status', '/metrics', '/v1/events', '/v1/openapi.json']) {
      assert.equal((await api.ask('GET', path, open)).status, 401, path);
    }
    assert.equal((await api.ask('GET', '/metrics')).text, 'lameduck_up 1\n');
  });
});
