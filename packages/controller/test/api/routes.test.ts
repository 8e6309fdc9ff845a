import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { createRoutes } from '../../src/api/routes.ts';
import { type ApiServer, isAnswering, serveApi } from '../../src/api/server.ts';
import { makeRig, never, type Rig } from '../support/rig.ts';

describe('the API on its unix socket', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lameduck-api-'));
  const socketPath = join(folder, 'control.sock');
  let rig: Rig;
  let server: ApiServer;
  before(async () => {
    rig = makeRig();
    await rig.controller.open(never);
    writeFileSync(socketPath, 'left behind by a controller that was killed');
    server = await serveApi(createRoutes(rig.controller), socketPath);
  });
  after(async () => {
    await server.close();
    await rig.controller.close(AbortSignal.abort());
    rmSync(folder, { recursive: true, force: true });
  });

  async function ask(
    method: string,
    path: string,
    body?: string,
  ): Promise<{ status: number; lines: unknown[] }> {
    const asked = request({ socketPath, method, path, agent: false }).end(body);
    const { promise, resolve, reject } = Promise.withResolvers<{ status: number; lines: unknown[] }>();
    asked.on('error', reject).on('response', async (response) => {
      const lines = (await text(response)).trim().split('\n');
      resolve({ status: response.statusCode ?? 0, lines: lines.map((line) => JSON.parse(line)) });
    });
    return promise;
  }

  it('is open to its owner alone', () => {
    assert.equal(statSync(socketPath).mode & 0o777, 0o600);
  });

  it("tells the metrics in Prometheus' text format", async () => {
    const asked = request({ socketPath, path: '/metrics', agent: false }).end();
    const [response] = (await once(asked, 'response')) as [IncomingMessage];
    assert.equal(response.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
    assert.match(await text(response), /^# TYPE lameduck_build_info gauge$/m);
  });

  it('tells the status', async () => {
    const { status, lines } = await ask('GET', '/v1/status');
    assert.equal(status, 200);
    assert.equal((lines[0] as { nodes: unknown[] }).nodes.length, 3);
  });

  it('streams an operation: its steps, then its report', async () => {
    const { lines } = await ask('POST', '/v1/nodes/a/restart');
    const types = (lines as { type: string }[]).map(({ type }) => type);
    assert.equal(types[0], 'phase');
    assert.equal(types.at(-1), 'report');
    assert.equal((lines.at(-1) as { report: { result: string } }).report.result, 'exited');
  });

  it('goes on with an operation whose client went away', async () => {
    const asked = request({ socketPath, method: 'POST', path: '/v1/nodes/b/drain', agent: false }).end();
    asked.on('error', () => {}).on('response', (response) => response.once('data', () => asked.destroy()));
    for (let turn = 0; turn < 400; turn += 1) {
      const [newest] = await rig.controller.history(1);
      if (newest?.subject === 'b' && newest.report?.result === 'drained') return;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    assert.fail('the operation did not end');
  });

  it('answers errors with their code and a fitting status', async () => {
    const cases: [method: string, path: string, body: string | undefined, status: number, code: string][] = [
      ['POST', '/v1/nodes/z/stop', undefined, 404, 'noSuchNode'],
      ['POST', '/v1/nodes/a/explode', undefined, 400, 'usage'],
      ['POST', '/v1/rollout', '{"batch":0}', 400, 'usage'],
      ['POST', '/v1/rollout', '{"batch":', 400, 'usage'],
      ['POST', '/v1/rollout', '{"batch":3}', 409, 'refused'],
      ['GET', '/v1/history?limit=all', undefined, 400, 'usage'],
      ['GET', '/v2/status', undefined, 404, 'usage'],
    ];
    for (const [method, path, body, status, code] of cases) {
      const answer = await ask(method, path, body);
      assert.equal(answer.status, status, path);
      assert.equal((answer.lines[0] as { error: { code: string } }).error.code, code, path);
    }
  });

  it('refuses a second controller on the socket', async () => {
    assert.ok(await isAnswering(socketPath));
    await assert.rejects(serveApi(createRoutes(rig.controller), socketPath), { code: 'alreadyRunning' });
  });
});
