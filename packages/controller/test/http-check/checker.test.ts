import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, it } from 'node:test';
import type { Address, HealthConfig } from '@lameduck/core';
import { createHttpChecker } from '../../src/adapters/http-check/checker.ts';

const health: HealthConfig = {
  path: '/healthz',
  intervalMs: 100,
  timeoutMs: 200,
  rise: 1,
  fall: 1,
  expectStatus: { from: 200, to: 299 },
};
const checker = createHttpChecker();
const servers: Server[] = [];
after(async () => {
  await checker.close();
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
});

async function serve(listener: RequestListener): Promise<Address> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  return { kind: 'tcp', host: '127.0.0.1', port: (server.address() as AddressInfo).port };
}

it('passes on an expected status and asks for the path that was given', async () => {
  let path: string | undefined;
  const address = await serve((request, response) => {
    path = request.url;
    response.end('well');
  });
  const result = await checker.check(address, health);
  assert.deepEqual([result.passed, result.detail, path], [true, 'status 200', '/healthz']);
  assert.ok(result.ms > 0);
});

it('fails on any other status and says which was wanted', async () => {
  const address = await serve((_, response) => response.writeHead(503).end());
  const result = await checker.check(address, health);
  assert.deepEqual([result.passed, result.detail], [false, 'status 503, wanted 200-299']);
  assert.ok((await checker.check(address, { ...health, expectStatus: { from: 503, to: 503 } })).passed);
});

it('fails in time where no answer comes, and works again when one does', async () => {
  let isSilent = true;
  const address = await serve((_, response) => {
    if (!isSilent) response.end();
  });
  const beganAt = performance.now();
  const result = await checker.check(address, health);
  assert.deepEqual([result.passed, result.detail], [false, 'no answer in 200 ms']);
  assert.ok(performance.now() - beganAt < 1000);
  isSilent = false;
  assert.ok((await checker.check(address, health)).passed);
});

it('fails where nothing listens, with the reason', async () => {
  const result = await checker.check({ kind: 'tcp', host: '127.0.0.1', port: 1 }, health);
  assert.equal(result.passed, false);
  assert.match(result.detail, /ECONNREFUSED/);
});
