import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { latencyBucketsMs } from '@lameduck/core';
import { parseTraffic } from '../../src/adapters/nginx/parse-traffic.ts';
import type { EdgeNode, EdgeTraffic } from '../../src/ports/edge.ts';
import { type Bench, freePort, ignore, makeBench, send, soon, until } from './harness.ts';

/** Answers `/STATUS/MS` with that status after that time. */
async function startTimed(): Promise<{ server: Server; port: number }> {
  const server = createServer((incoming, outgoing) => {
    const [, status = '200', ms = '0'] = (incoming.url ?? '').split('/');
    incoming.resume();
    setTimeout(() => outgoing.writeHead(Number(status)).end('done'), Number(ms));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, port: (server.address() as AddressInfo).port };
}

const nodeAt = (name: string, port: number): EdgeNode => ({
  name,
  weight: 1,
  address: { kind: 'tcp', host: '127.0.0.1', port },
});

async function traffic(bench: Bench, node: string): Promise<EdgeTraffic> {
  const found = (await bench.edge.traffic(soon()))?.get(node);
  assert.ok(found);
  return found;
}

/** Resolves with the time that the client saw, in milliseconds: the edge cannot have counted more. */
async function timed(bench: Bench, path: string): Promise<number> {
  const began = performance.now();
  await send(bench.port, { path });
  return performance.now() - began;
}

/** The edge may be a second late, and no more. */
async function settled(bench: Bench, node: string, requests: number): Promise<EdgeTraffic> {
  const isThere = async (): Promise<boolean> => (await traffic(bench, node)).requests >= requests;
  await until(isThere, 1_500);
  return await traffic(bench, node);
}

describe('traffic that an edge counts', () => {
  let bench: Bench;
  const servers: Server[] = [];
  before(async () => {
    const [a, b] = [await startTimed(), await startTimed()];
    servers.push(a.server, b.server);
    const nodes = [nodeAt('a', a.port), nodeAt('b', b.port), nodeAt('c', await freePort())];
    bench = await makeBench({ kind: 'managed', mode: 'gate', more: { nodes } });
    await bench.edge.open(['b', 'c'], soon());
  });
  after(async () => {
    await bench.dispose();
    for (const server of servers) {
      server.closeAllConnections();
      server.close();
    }
  });

  it('is requests, errors and latency of each node, a second late at most', async () => {
    assert.deepEqual((await traffic(bench, 'a')).requests, 0);
    const times = await Promise.all([
      ...Array.from({ length: 40 }, () => timed(bench, '/200/0')),
      ...Array.from({ length: 5 }, () => timed(bench, '/503/0')),
      ...Array.from({ length: 3 }, () => timed(bench, '/404/300')),
    ]);
    const { requests, errors, latency, latencySumMs } = await settled(bench, 'a', 48);
    assert.deepEqual([requests, errors], [48, 5]);
    assert.equal(latency.length, latencyBucketsMs.length + 1);
    assert.equal(
      latency.reduce((sum, count) => sum + count, 0),
      48,
    );
    const slow = latency.slice(latencyBucketsMs.indexOf(200) + 1).reduce((sum, count) => sum + count, 0);
    const mostSlow = times.filter((ms) => ms >= 200).length;
    assert.ok(slow >= 3 && slow <= mostSlow, `${latency.join(' ')}, seen by clients: ${mostSlow}`);
    assert.ok(latencySumMs >= 890, `${latencySumMs} ms`);
    assert.equal((await traffic(bench, 'b')).requests, 0);
  });

  it('counts a request that waited through a pause once, and as no error', async () => {
    const before = await traffic(bench, 'a');
    await bench.edge.pause(soon(), 10_000);
    const waiting = Array.from({ length: 6 }, () => send(bench.port, { path: '/200/0' }));
    await until(async () => (await bench.edge.status(soon())).held === 6);
    await bench.edge.resume(soon());
    for (const { status } of await Promise.all(waiting)) assert.equal(status, 200);
    const after = await settled(bench, 'a', before.requests + 6);
    assert.deepEqual([after.requests, after.errors], [before.requests + 6, before.errors]);
  });

  it('counts each try at its node, and the latency at the last one', async () => {
    const before = await traffic(bench, 'a');
    await bench.edge.restore('c', ignore, soon());
    for (let turn = 0; turn < 20; turn += 1)
      assert.equal((await send(bench.port, { path: '/200/0' })).status, 200);
    const a = await settled(bench, 'a', before.requests + 20);
    const c = await traffic(bench, 'c');
    assert.equal(a.requests, before.requests + 20);
    assert.ok(c.requests >= 1 && c.requests <= 20, `${c.requests}`);
    assert.equal(c.errors, c.requests, 'nothing listens there');
    assert.deepEqual(
      c.latency.filter((count) => count > 0),
      [],
    );
    await bench.edge.remove('c', ignore, soon());
  });

  it('has the requests under way, and counts one whose client went away without a latency', async () => {
    const before = await traffic(bench, 'a');
    const aborted = new AbortController();
    const gone = fetch(`http://127.0.0.1:${bench.port}/200/5000`, { signal: aborted.signal });
    gone.catch(ignore);
    await until(async () => (await traffic(bench, 'a')).inFlight === 1);
    aborted.abort();
    const { requests, errors, latency, inFlight } = await settled(bench, 'a', before.requests + 1);
    assert.deepEqual([requests, errors, inFlight], [before.requests + 1, before.errors, 0]);
    assert.deepEqual(latency, before.latency);
  });

  it('has what workers of an earlier generation count up to their end', async () => {
    const before = await traffic(bench, 'a');
    const old = bench.workers();
    const late = Array.from({ length: 6 }, () => send(bench.port, { path: '/200/1500' }));
    await until(async () => (await traffic(bench, 'a')).inFlight === 6);
    // counted just before the reload by workers that have not written it yet
    await Promise.all(Array.from({ length: 30 }, () => send(bench.port, { path: '/200/0' })));
    process.kill(masterOf(bench), 'SIGHUP');
    await Promise.all(late);
    await until(() => bench.workers().every((pid) => !old.includes(pid)));
    const { requests } = await traffic(bench, 'a');
    assert.equal(requests, before.requests + 36);
  });

  it('falls to nothing where nginx is started anew', async () => {
    await bench.killNginx('SIGKILL');
    await bench.edge.open(['b', 'c'], soon());
    assert.equal((await traffic(bench, 'a')).requests, 0);
    await send(bench.port, { path: '/200/0' });
    assert.equal((await settled(bench, 'a', 1)).requests, 1);
  });
});

function masterOf(bench: Bench): number {
  const [worker = 0] = bench.workers();
  return Number(parentOf(worker));
}

function parentOf(pid: number): string {
  const stat = readStat(pid);
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1] ?? '';
}

function readStat(pid: number): string {
  return readFileSync(`/proc/${pid}/stat`, 'latin1');
}

it('no traffic is counted in reload mode, nor where it is not asked for', async () => {
  for (const wanted of [
    { mode: 'reload' as const },
    { mode: 'gate' as const, more: { isCountingTraffic: false } },
  ]) {
    const bench = await makeBench({ kind: 'managed', ...wanted });
    try {
      await bench.edge.open([], soon());
      await bench.ask();
      assert.equal(await bench.edge.traffic(soon()), undefined);
    } finally {
      await bench.dispose();
    }
  }
});

it('an attached edge counts what the user sends to our nodes', async () => {
  const bench = await makeBench({ kind: 'attached', mode: 'gate' });
  try {
    await bench.edge.open([], soon());
    for (let turn = 0; turn < 12; turn += 1) await bench.ask();
    const sum = async (): Promise<number> =>
      [...((await bench.edge.traffic(soon())) ?? new Map<string, EdgeTraffic>()).values()].reduce(
        (total, { requests }) => total + requests,
        0,
      );
    await until(async () => (await sum()) >= 12, 1_500);
    await delay(300);
    assert.equal(await sum(), 12);
  } finally {
    await bench.dispose();
  }
});

it('an answer of the control location that is cut or foreign is none', () => {
  const cells = latencyBucketsMs.length + 4;
  const line = `a ${new Array(cells).fill(7).join(' ')}`;
  assert.equal(parseTraffic(`lossy 0\n${line}\n`)?.get('a')?.latency.length, latencyBucketsMs.length + 1);
  for (const text of [
    '',
    '<html>',
    `${line}\n`,
    `lossy 0\n${line} 7\n`,
    'lossy 0\na 1 2\n',
    `lossy 0\n${line}x`,
  ])
    assert.equal(parseTraffic(text), undefined, JSON.stringify(text));
});
