import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { readServerLedger } from '@lameduck/ledger';
import { assertNothingLost } from '../support/assertions.ts';
import { nodeOf, reportOf } from '../support/reports.ts';
import { makeRunFolder, type RunningService, runService } from '../support/run-service.ts';
import { underLoad } from '../support/under-load.ts';
import { isRunning, until } from '../support/until.ts';

const folder = makeRunFolder();
const sick = join(folder, 'sick');
/** The plain example, but not well while a file is there. */
const source = `
import { createServer } from 'node:http';
import { existsSync, appendFileSync } from 'node:fs';
createServer((request, response) => {
  if (request.url === '/healthz') return response.writeHead(existsSync(${JSON.stringify(sick)}) ? 503 : 200).end();
  const id = new URL(request.url, 'http://x').searchParams.get('id');
  if (id !== null) {
    const file = process.env.LEDGER_DIR + '/' + process.env.NODE_NAME + '-' + process.pid + '.log';
    appendFileSync(file, 'S ' + id + '\\nF ' + id + '\\n');
  }
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ id, node: process.env.NODE_NAME, pid: process.pid }));
}).listen(Number(process.env.PORT), '127.0.0.1');
process.on('SIGTERM', () => process.exit(0));
`;

describe('a node that comes back', () => {
  let service: RunningService;
  before(async () => {
    writeFileSync(join(folder, 'server.mjs'), source);
    const start = `exec ${process.execPath} ${join(folder, 'server.mjs')}`;
    service = await runService({
      nodes: ['app', 'app'],
      config: { health: { interval: '100ms', rise: 3 }, startup: { timeout: '15s' } },
      overrides: { b: { app: undefined, process: { start } } },
    });
  });
  after(async () => {
    assert.equal(await service.stop(), 0);
    rmSync(folder, { recursive: true, force: true });
  });

  it('E13: gets no request before its checks have risen, then gets its share', async () => {
    const ledger = await underLoad(service, { connections: { get: 10 } }, async () => {
      assert.equal((await service.lameduck('stop', 'b')).code, 0);
      const before = await countOn(service, 'b');
      writeFileSync(sick, '');
      const starting = service.lameduck('start', 'b', '--json');
      await until('the process runs', async () => (await nodeOf(service, 'b')).pid !== undefined);
      await pause(1000);
      assert.equal(await countOn(service, 'b'), before, 'a request reached a node whose checks fail');
      assert.equal((await nodeOf(service, 'b')).inRotation, false);
      rmSync(sick);
      assert.equal(reportOf(await starting).result, 'started');
      await until('it gets requests again', async () => (await countOn(service, 'b')) > before + 10);
    });
    assertNothingLost(ledger, 100);
  });

  it('is isolated while its checks fail and returns by itself', async () => {
    writeFileSync(sick, '');
    await until('b is out', async () => !(await nodeOf(service, 'b')).inRotation);
    const node = await nodeOf(service, 'b');
    assert.equal(node.state, 'unhealthy');
    assert.match(node.reason ?? '', /status 503, wanted 200-299/);
    const before = await countOn(service, 'b');
    assertNothingLost(await underLoad(service, { connections: { get: 10 } }, () => pause(1000)), 100);
    assert.equal(await countOn(service, 'b'), before);
    rmSync(sick);
    await until('b is back', async () => (await nodeOf(service, 'b')).state === 'ready');
  });

  it('that never gets well fails its start, is told why, and stays out until it is', async () => {
    assert.equal((await service.lameduck('stop', 'b')).code, 0);
    writeFileSync(sick, '');
    const result = await service.lameduck('start', 'b', '--json');
    assert.equal(result.code, 1);
    assert.match(reportOf(result).reason ?? '', /is not healthy 15000 ms after its start/);
    assert.equal((await nodeOf(service, 'b')).inRotation, false);
    rmSync(sick);
    await until('it returns by itself', async () => (await nodeOf(service, 'b')).state === 'ready');
  });

  it('is started again when its process dies', async () => {
    const { pid } = await nodeOf(service, 'b');
    assert.ok(pid !== undefined);
    process.kill(pid, 'SIGKILL');
    await until('another process serves', async () => {
      const node = await nodeOf(service, 'b');
      return node.state === 'ready' && node.pid !== pid;
    });
    assert.ok(!(await isRunning(pid)));
  });
});

async function countOn(service: RunningService, node: string): Promise<number> {
  const entries = [...(await readServerLedger(service.ledgerDir)).values()];
  return entries.filter(({ startedOn }) => startedOn.includes(node)).length;
}
