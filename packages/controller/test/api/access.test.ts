import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import type { AuditEntry } from '@lameduck/core';
import { codeOf, tokens, useApi } from '../support/api.ts';

describe('the API on TCP', () => {
  const served = useApi({
    tcp: { limits: { headersTimeout: 1000, requestTimeout: 1000, connectionsCheckingInterval: 200 } },
  });

  async function newest(): Promise<AuditEntry> {
    const [entry] = (await served.api.ask('GET', '/v1/audit?limit=1')).json as AuditEntry[];
    assert.ok(entry);
    return entry;
  }

  it('answers whoever has a token, and says its version', async () => {
    const answer = await served.api.ask('GET', '/v1/status', { token: tokens.eyes });
    assert.equal(answer.status, 200);
    assert.equal(answer.headers['lameduck-api'], '1');
    assert.equal(answer.headers['lameduck-role'], 'viewer');
    assert.equal(answer.headers['lameduck-version'], '9.9.9');
  });

  it('refuses no token and a wrong one, and writes down who tried', async () => {
    for (const token of [undefined, 'wrong', `${tokens.ops}x`, tokens.ops.slice(1)]) {
      const answer = await served.api.ask('POST', '/v1/nodes/a/stop', { token });
      assert.equal(answer.status, 401);
      assert.equal(codeOf(answer), 'unauthorized');
    }
    const entry = await newest();
    assert.deepEqual(
      [entry.who, entry.role, entry.from, entry.action, entry.result],
      ['anonymous', 'none', '127.0.0.1', 'POST /v1/nodes/a/stop', 'refused'],
    );
  });

  it('E25: rejects a role that does not suffice, touches nothing and audits the attempt completely', async () => {
    for (const [path, told, of] of [
      ['/v1/nodes/a/stop', 'stop', 'a'],
      ['/v1/rollout', 'rollout', 'service'],
      ['/v1/pause', 'pause', 'service'],
      ['/v1/rollout/abort', 'rollout abort', 'service'],
      ['/v1/nodes/a/leave', 'leave', 'a'],
      ['/v1/nodes/a/weight', 'weight', 'a'],
    ] as const) {
      const answer = await served.api.ask('POST', path, { token: tokens.eyes, body: '{}' });
      assert.equal(answer.status, 403, path);
      assert.equal(codeOf(answer), 'forbidden');
      const { who, role, from, action, subject, result, reason } = await newest();
      assert.deepEqual(
        [who, role, from, action, subject, result],
        ['eyes', 'viewer', '127.0.0.1', told, of, 'refused'],
      );
      assert.match(reason ?? '', /role operator is wanted/);
    }
    assert.deepEqual(
      served.rig.edges[0]?.calls.filter((call) => call.startsWith('remove')),
      [],
    );
  });

  it('E25: the audit log has every act of an operator, with its result', async () => {
    const drained = await served.api.ask('POST', '/v1/nodes/a/drain');
    assert.equal(drained.status, 200);
    assert.equal((await served.api.ask('POST', '/v1/nodes/a/ready')).status, 200);
    assert.equal((await served.api.ask('POST', '/v1/nodes/zz/drain')).status, 404);
    assert.equal((await served.api.ask('POST', '/v1/rollout', { body: '{"batch":3}' })).status, 409);
    assert.equal((await served.api.ask('POST', '/v1/rollout', { body: 'x' })).status, 400);
    const entries = (await served.api.ask('GET', '/v1/audit?limit=5')).json as AuditEntry[];
    assert.deepEqual(
      entries.reverse().map(({ who, action, subject, result }) => [who, action, subject, result]),
      [
        ['ops', 'drain', 'a', 'drained'],
        ['ops', 'ready', 'a', 'ready'],
        ['ops', 'drain', 'zz', 'refused'],
        ['ops', 'rollout', 'service', 'refused'],
        ['ops', 'rollout', 'service', 'refused'],
      ],
    );
    const found = (await served.api.ask('GET', '/v1/audit?search=zz')).json as AuditEntry[];
    assert.deepEqual(
      found.map(({ subject }) => subject),
      ['zz'],
    );
  });

  it('sets a weight for an operator, audited with its number; one that nginx would not take is refused', async () => {
    const path = '/v1/nodes/a/weight';
    const set = await served.api.ask('POST', path, { body: '{"weight":3}' });
    assert.deepEqual([set.status, set.json], [200, { node: 'a', weight: 3, configured: 1, before: 1 }]);
    const { action, subject, result } = await newest();
    assert.deepEqual([action, subject, result], ['weight 3', 'a', 'done']);
    for (const body of ['{"weight":0}', '{"weight":65536}', '{"weight":1.5}', '{"weight":"3"}'])
      assert.equal((await served.api.ask('POST', path, { body })).status, 400, body);
    assert.equal((await served.api.ask('POST', '/v1/nodes/zz/weight', { body: '{"weight":3}' })).status, 404);
    assert.equal((await served.api.ask('POST', path, { body: '{}' })).status, 200);
  });

  it('never shows a token, neither in answers nor in the audit log', async () => {
    const { text: audit } = await served.api.ask('GET', '/v1/audit?limit=1000');
    assert.ok(!audit.includes('secret'));
    assert.equal(
      (await served.api.ask('GET', `/v1/status?token=${tokens.ops}`, { token: undefined })).status,
      401,
    );
  });

  it('refuses another host name: the page of a name that was rebound to this address', async () => {
    for (const host of ['evil.example', 'localhost.evil.example', '127.0.0.1.evil', 'ops.example.com.evil']) {
      const answer = await served.api.ask('GET', '/v1/status', { headers: { host } });
      assert.equal(answer.status, 403, `host ${host}`);
    }
    for (const host of [`localhost:${served.api.port}`, '127.0.0.1', '[::1]:9090', 'OPS.example.com:443']) {
      assert.equal((await served.api.ask('GET', '/v1/status', { headers: { host } })).status, 200, host);
    }
  });

  it('refuses pages of other sites, whatever token they have', async () => {
    const own = `127.0.0.1:${served.api.port}`;
    const foreign: Record<string, string>[] = [
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { origin: `https://${own}.evil.example` },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
    ];
    for (const headers of foreign) {
      const answer = await served.api.ask('POST', '/v1/nodes/a/stop', { headers });
      assert.equal(answer.status, 403, JSON.stringify(headers));
    }
    const same = { origin: `http://${own}`, 'sec-fetch-site': 'same-origin' };
    assert.equal((await served.api.ask('GET', '/v1/status', { headers: same })).status, 200);
  });

  it('refuses malformed bodies, unknown nodes, paths and operations', async () => {
    const cases: [path: string, body: string, status: number, code: string][] = [
      ['/v1/rollout', '{"batch":', 400, 'usage'],
      ['/v1/rollout', '[]', 400, 'usage'],
      ['/v1/rollout', '{"batch":1,"evil":1}', 400, 'usage'],
      ['/v1/nodes/a/leave', '{}', 400, 'usage'],
      ['/v1/nodes/nobody/stop', '', 404, 'noSuchNode'],
      ['/v1/nodes/..%2f..%2fetc/stop', '', 404, 'noSuchNode'],
      [`/v1/nodes/${'x'.repeat(64)}/stop`, '', 400, 'usage'],
      ['/v1/nodes/a/explode', '', 400, 'usage'],
      ['/v1/nothing', '', 404, 'usage'],
    ];
    for (const [path, body, status, code] of cases) {
      const answer = await served.api.ask('POST', path, { body });
      assert.deepEqual([answer.status, codeOf(answer)], [status, code], path);
    }
  });

  it('refuses a body that is too large, told or not, before it has all of it', async () => {
    const told = await served.api.ask('POST', '/v1/rollout', { body: ' '.repeat(65_537) });
    assert.deepEqual([told.status, codeOf(told)], [413, 'tooLarge']);
    const socket = connect(served.api.port, '127.0.0.1');
    socket.write(
      `POST /v1/rollout HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${tokens.ops}\r\ntransfer-encoding: chunked\r\n\r\n`,
    );
    const chunk = `4000\r\n${' '.repeat(0x4000)}\r\n`;
    for (let sent = 0; sent < 8; sent += 1) socket.write(chunk);
    socket.on('error', () => {});
    assert.match(await text(socket), /^HTTP\/1\.1 413 /);
  });

  it('waits for nobody who sends his request a byte at a time', async () => {
    const socket = connect(served.api.port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write('GET /v1/status HTTP/1.1\r\nhost: local');
    const drip = setInterval(() => socket.write('x'), 100);
    const began = Date.now();
    socket.resume();
    await once(socket, 'close');
    clearInterval(drip);
    assert.ok(Date.now() - began < 8000, `it was waited for ${Date.now() - began} ms`);
  });

  it('refuses headers that are too large', async () => {
    const answer = await served.api.ask('GET', '/v1/status', { headers: { 'x-large': 'x'.repeat(20_000) } });
    assert.equal(answer.status, 431);
  });

  it('refuses a client of another API revision, and says which it is', async () => {
    const answer = await served.api.ask('GET', '/v1/status', { headers: { 'lameduck-api': '2' } });
    assert.deepEqual([answer.status, codeOf(answer)], [400, 'apiMismatch']);
  });

  it('has patience with who presents no token at all: that guesses nothing', async () => {
    for (let turn = 0; turn < 15; turn += 1) {
      const answer = await served.api.ask('GET', '/v1/status', { token: undefined });
      assert.deepEqual([answer.status, codeOf(answer)], [401, 'unauthorized']);
    }
    assert.equal((await served.api.ask('GET', '/v1/status')).status, 200);
  });

  it('does not listen to an address that guesses tokens', async () => {
    const statuses: number[] = [];
    for (let guess = 0; guess < 12; guess += 1) {
      statuses.push((await served.api.ask('GET', '/v1/status', { token: `guess-${guess}` })).status);
    }
    assert.equal(statuses.at(-1), 429);
    const right = await served.api.ask('GET', '/v1/status');
    assert.deepEqual([right.status, codeOf(right)], [429, 'tooMany'], 'a right guess would tell');
    assert.match(right.headers['retry-after'] ?? '', /^\d+$/);
  });
});
