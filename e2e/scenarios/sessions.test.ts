import assert from 'node:assert/strict';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { reportOf, statusOf } from '../support/reports.ts';
import { type RunningService, runService } from '../support/run-service.ts';
import { projectRoot } from '../support/service-config.ts';
import { until } from '../support/until.ts';

const app = { entry: join(projectRoot, 'e2e', 'apps', 'sessions.mjs'), workers: 1 };

interface Shutdown {
  readonly sessions?: 'finish' | 'close';
  readonly drainTimeout: string;
}

async function withService(
  mode: 'gate' | 'reload',
  shutdown: Shutdown,
  run: (service: RunningService) => Promise<void>,
  edge?: Record<string, unknown>,
): Promise<void> {
  const service = await runService({
    nodes: ['app', 'app'],
    mode,
    overrides: { a: { app }, b: { app } },
    config: { shutdown: { timeoutGracefulShutdown: '10s', margin: '4s', ...shutdown } },
    ...(edge === undefined ? {} : { edge }),
  });
  try {
    await run(service);
  } finally {
    assert.equal(await service.stop(), 0);
  }
}

/** Opens WebSockets, half of them to each node; collects the codes with which they are closed. */
async function openSockets(service: RunningService, count: number): Promise<readonly number[]> {
  const sockets = Array.from({ length: count }, () => new WebSocket(service.url.replace('http', 'ws')));
  await Promise.all(sockets.map((socket) => once(socket, 'open')));
  const codes: number[] = [];
  for (const socket of sockets) socket.addEventListener('close', ({ code }) => void codes.push(code));
  return codes;
}

/** Opens event streams of this length, half of them to each node; collects the text of each, or that it was cut. */
async function openStreams(service: RunningService, count: number, ms: number): Promise<readonly string[]> {
  const answers = await Promise.all(
    Array.from({ length: count }, async () => {
      const outgoing = get(`${service.url}/events?ms=${ms}`, { agent: false });
      const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
      return answer;
    }),
  );
  const bodies: string[] = [];
  for (const answer of answers)
    text(answer).then(
      (body) => bodies.push(body.slice(-40)),
      () => bodies.push('cut'),
    );
  return bodies;
}

/** One node's sessions have ended in good order: WebSockets with 1001, streams as whole chunked answers. */
async function assertTold(codes: readonly number[], bodies: readonly string[]): Promise<void> {
  await until('two of each have ended', () => codes.length >= 2 && bodies.length >= 2);
  assert.deepEqual(codes, [1001, 1001]);
  assert.equal(bodies.length, 2);
  for (const body of bodies) assert.match(body, /: the server is leaving\n\n?$/);
}

describe('sessions through an edge with the gate', () => {
  it('E20: finish: event streams run to their end before the node is signalled', async () => {
    await withService('gate', { drainTimeout: '20s' }, async (service) => {
      const streams = await openStreams(service, 4, 3_000);
      const report = reportOf(await service.lameduck('restart', 'a', '--json'));
      assert.deepEqual([report.result, report.lost, report.sessions], ['exited', 0, undefined]);
      assert.ok(report.inFlight >= 2, JSON.stringify(report));
      assert.equal(report.answered, report.inFlight);
      await until('all have ended', () => streams.length === 4);
      for (const body of streams) assert.match(body, /data: end\n\n$/);
    });
  });

  it('E20: finish: what outlives drainTimeout is told by the node, and closed in good order', async () => {
    await withService('gate', { drainTimeout: '1s' }, async (service) => {
      const [sockets, streams] = [await openSockets(service, 4), await openStreams(service, 4, 60_000)];
      const report = reportOf(await service.lameduck('restart', 'a', '--json'));
      assert.equal(report.result, 'exited');
      const drain = report.phases.find((phase) => phase.name === 'drain');
      assert.ok((drain?.ms ?? 0) >= 900, JSON.stringify(report.phases));
      assert.ok(report.inFlight >= 4, JSON.stringify(report));
      await assertTold(sockets, streams);
    });
  });

  it('E20: close: sessions hold no drain; WebSockets get 1001, streams end, the report counts them', async () => {
    await withService('gate', { sessions: 'close', drainTimeout: '30s' }, async (service) => {
      const [sockets, streams] = [await openSockets(service, 4), await openStreams(service, 4, 60_000)];
      const result = await service.lameduck('restart', 'a', '--json');
      const report = reportOf(result);
      assert.deepEqual([report.result, report.lost, report.sessions], ['exited', 0, 4], result.stdout);
      const drain = report.phases.find((phase) => phase.name === 'drain');
      assert.ok((drain?.ms ?? 0) < 10_000, JSON.stringify(report.phases));
      await assertTold(sockets, streams);
    });
  });
});

describe('E8: a WebSocket that pins an old nginx worker (reload mode)', () => {
  it('finish: at quiesceTimeout the removal is taken back, the node serves on and so does the WebSocket', async () => {
    await withService(
      'reload',
      { drainTimeout: '20s' },
      async (service) => {
        const codes = await openSockets(service, 1);
        const result = await service.lameduck('restart', 'a', '--json');
        assert.equal(result.code, 7);
        assert.match(reportOf(result).reason ?? '', /old workers still serve; the change was taken back/);
        const { nodes } = await statusOf(service);
        assert.deepEqual(
          nodes.map(({ state, inRotation }) => [state, inRotation]),
          [
            ['ready', true],
            ['ready', true],
          ],
        );
        assert.deepEqual(codes, [], 'it is still open');
      },
      { quiesceTimeout: '2s' },
    );
  });

  it('close: old workers end it after drainTimeout, and the node leaves with proof', async () => {
    await withService('reload', { sessions: 'close', drainTimeout: '2s' }, async (service) => {
      const codes = await openSockets(service, 1);
      const result = await service.lameduck('restart', 'a', '--json');
      assert.equal(reportOf(result).result, 'exited', result.stdout);
      // cut by nginx, which sends no close frame
      await until('it was closed', () => codes.length === 1);
      assert.deepEqual(codes, [1006]);
      await until('both serve', async () =>
        (await statusOf(service)).nodes.every(({ state }) => state === 'ready'),
      );
    });
  });
});
