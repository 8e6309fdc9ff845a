import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { createNginxEdge } from '../../src/adapters/nginx/edge.ts';
import { type Bench, ignore, makeBench, send, soon, until } from './harness.ts';
import { startLoad } from './load.ts';
import { refusal } from './refusal.ts';
import { beginUpload } from './slow-client.ts';

function asked(bench: Bench, path: string): number {
  return bench.backends.flatMap((backend) => backend.asked).filter((one) => one === path).length;
}

async function held(bench: Bench): Promise<number> {
  return (await bench.edge.status(soon())).held ?? 0;
}

describe('a pause of a managed nginx', () => {
  let bench: Bench;
  before(async () => {
    bench = await makeBench({ kind: 'managed', mode: 'gate' });
    await bench.edge.open([], soon());
  });
  after(async () => await bench.dispose());

  it('loses and doubles no request of a mixed load that waits for some seconds, twice', async () => {
    const load = startLoad(bench.port, bench.backends, { connections: 20, isKeepAlive: true });
    for (let round = 0; round < 2; round += 1) {
      await delay(200);
      await bench.edge.pause(soon());
      for (const name of ['a', 'b', 'c'])
        await until(async () => (await bench.edge.inFlight(name, soon())) === 0);
      const before = bench.backends.flatMap((backend) => backend.asked).length;
      await until(async () => (await held(bench)) === 20);
      await delay(2_000);
      assert.equal(bench.backends.flatMap((backend) => backend.asked).length, before, 'a node was asked');
      await bench.edge.resume(soon());
    }
    const { sent, lost, duplicates } = await load.stop();
    assert.ok(sent > 100, `only ${sent} requests were sent`);
    assert.deepEqual({ lost, duplicates }, { lost: [], duplicates: 0 });
    assert.equal(await held(bench), 0);
  });

  it('answers each request that waited too long with 503 and Retry-After, and no node sees one', async () => {
    await bench.edge.pause(soon(), 300);
    const began = performance.now();
    const answers = await Promise.all(Array.from({ length: 25 }, () => refusal(bench.port, '/late')));
    const ms = performance.now() - began;
    assert.deepEqual(
      answers,
      answers.map(() => ({ status: 503, retryAfter: '5' })),
    );
    assert.ok(ms >= 300, `${ms} ms`);
    assert.equal(asked(bench, '/late'), 0);
    assert.equal(await held(bench), 0);
    // what comes later waits as long as it may, too: the pause goes on until somebody ends it
    assert.equal((await bench.edge.status(soon())).paused?.holdMs, 300);
    assert.deepEqual(await refusal(bench.port, '/late'), { status: 503, retryAfter: '5' });
    await bench.edge.resume(soon());
    assert.equal((await send(bench.port, {})).status, 200);
  });

  it('an upload that ends during the pause, and one that ends after it, are run once each', async () => {
    const early = await beginUpload(bench.port, 'pause-early');
    await bench.edge.pause(soon());
    const late = await beginUpload(bench.port, 'pause-late');
    const first = early.finish();
    await until(async () => (await held(bench)) === 1);
    assert.equal(asked(bench, 'pause-early'), 0);
    await bench.edge.resume(soon());
    assert.match(await first, /^HTTP\/1\.1 200 [\s\S]* POST 10$/);
    assert.match(await late.finish(), /^HTTP\/1\.1 200 [\s\S]* POST 10$/);
    assert.deepEqual([asked(bench, 'pause-early'), asked(bench, 'pause-late')], [1, 1]);
  });

  it('a client that goes away while it waits is not run, and does not count as waiting', async () => {
    await bench.edge.pause(soon());
    const clients = Array.from({ length: 6 }, () => {
      const socket = connect(bench.port, '127.0.0.1');
      socket.write('POST /gone HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc');
      return socket;
    });
    await until(async () => (await held(bench)) === 6);
    for (const socket of clients) socket.destroy();
    await until(async () => (await held(bench)) === 0);
    await bench.edge.resume(soon());
    assert.equal((await send(bench.port, {})).status, 200);
    assert.equal(asked(bench, '/gone'), 0);
  });

  it('outlives a HUP: what waits in old workers is answered, what comes to new ones waits', async () => {
    await bench.edge.pause(soon());
    const before = Array.from({ length: 8 }, () =>
      send(bench.port, { path: '/hup', method: 'POST', body: 'x' }),
    );
    await until(async () => (await held(bench)) === 8);
    const old = bench.workers();
    process.kill((await bench.edge.status(soon())).pid ?? 0, 'SIGHUP');
    await until(() => bench.workers().some((pid) => !old.includes(pid)));
    const later = Array.from({ length: 8 }, () => send(bench.port, { path: '/hup' }));
    await until(async () => (await held(bench)) === 16);
    assert.equal(asked(bench, '/hup'), 0);
    await bench.edge.resume(soon());
    for (const { status } of await Promise.all([...before, ...later])) assert.equal(status, 200);
    assert.equal(asked(bench, '/hup'), 16);
    await until(() => bench.workers().every((pid) => !old.includes(pid)));
  });

  it('outlives SIGKILL of nginx, and a controller that takes over knows of it', async () => {
    await bench.edge.remove('a', ignore, soon());
    await bench.edge.pause(soon(), 20_000);
    const since = (await bench.edge.status(soon())).paused?.sinceMs;
    await bench.killNginx('SIGKILL');
    await bench.startNginx();
    const waiting = Array.from({ length: 6 }, () => send(bench.port, { path: '/restarted' }));
    await until(async () => (await held(bench)) === 6);
    const next = createNginxEdge(bench.options);
    await next.open(['a'], soon());
    const status = await next.status(soon());
    assert.deepEqual([status.out, status.paused], [['a'], { sinceMs: since, holdMs: 20_000 }]);
    assert.equal(asked(bench, '/restarted'), 0);
    await next.resume(soon());
    for (const { status: code, body } of await Promise.all(waiting)) {
      assert.equal(code, 200);
      assert.match(body, /^[bc] /);
    }
    await next.restore('a', ignore, soon());
    await next.close(soon());
  });

  it('nodes that leave and come back during a pause are as wanted after it', async () => {
    await bench.edge.open([], soon());
    await bench.edge.pause(soon());
    await bench.edge.remove('a', ignore, soon());
    await bench.edge.remove('b', ignore, soon());
    await bench.edge.restore('b', ignore, soon());
    assert.ok((await bench.edge.status(soon())).paused !== undefined, 'a change of a node ends no pause');
    const waiting = Array.from({ length: 12 }, () => bench.ask('/after'));
    await until(async () => (await held(bench)) === 12);
    await bench.edge.resume(soon());
    const answers = await Promise.all(waiting);
    assert.deepEqual([...new Set(answers.map(([name]) => name))].sort(), ['b', 'c']);
    await bench.edge.restore('a', ignore, soon());
  });

  it('a WebSocket that is asked for during the pause is opened after it', async () => {
    await bench.edge.pause(soon());
    const outgoing = request({
      host: '127.0.0.1',
      port: bench.port,
      path: '/upgrade',
      headers: { connection: 'Upgrade', upgrade: 'websocket' },
      agent: false,
    }).end();
    const upgraded = once(outgoing, 'upgrade');
    await until(async () => (await held(bench)) === 1);
    await bench.edge.resume(soon());
    const [answer, socket] = (await upgraded) as [
      IncomingMessage,
      NodeJS.WritableStream & { destroy(): void },
    ];
    assert.equal(answer.statusCode, 101);
    socket.destroy();
  });
});

const holdLocation = `
  map $host $unused { default 1; }
  # package.loaded["lameduck.shop"] gate.hold() in a comment is no call`;

describe('a pause of an attached nginx', () => {
  it('is refused with a clear message where no location calls hold, and nothing waits', async () => {
    const bench = await makeBench({ kind: 'attached', mode: 'gate', http: holdLocation });
    try {
      await bench.edge.open([], soon());
      await assert.rejects(bench.edge.pause(soon()), {
        code: 'edgeRejected',
        message:
          'Cannot pause edge "edge-1": a location of its nginx must call the gate\'s hold, so that requests can wait (docs/pause.md): current value is no such location',
      });
      assert.equal((await send(bench.port, {})).status, 200);
    } finally {
      await bench.dispose();
    }
  });

  it('lets requests wait where a location does', async () => {
    const server = `
      error_page 502 = @shop_hold;
      location @shop_hold {
        lua_check_client_abort on;
        access_by_lua_block { local gate = package.loaded["lameduck.shop"] if gate then return gate.hold() end return ngx.exit(502) }
        proxy_pass http://shop;
      }`;
    const bench = await makeBench({ kind: 'attached', mode: 'gate', server });
    try {
      await bench.edge.open([], soon());
      await bench.edge.pause(soon(), 10_000);
      const waiting = Array.from({ length: 5 }, () =>
        send(bench.port, { path: '/own', method: 'POST', body: 'y'.repeat(20_000) }),
      );
      await until(async () => (await held(bench)) === 5);
      assert.equal(asked(bench, '/own'), 0);
      await bench.edge.resume(soon());
      for (const { status, body } of await Promise.all(waiting)) {
        assert.equal(status, 200);
        assert.match(body, /POST 20000$/);
      }
      // a node that cuts a request off is told to the client as ever
      assert.equal((await send(bench.port, { path: '/die', method: 'POST', body: 'x' })).status, 502);
    } finally {
      await bench.dispose();
    }
  });
});

describe('a pause of an nginx in reload mode', () => {
  it('is refused with a clear message; resume is nothing to do', async () => {
    const bench = await makeBench({ kind: 'managed', mode: 'reload' });
    try {
      await bench.edge.open([], soon());
      await assert.rejects(bench.edge.pause(soon()), {
        code: 'edgeRejected',
        message:
          'Cannot pause edge "edge-1": its nginx must have the gate, so that requests can wait: current value is mode reload',
      });
      await bench.edge.resume(soon());
      assert.equal((await send(bench.port, {})).status, 200);
    } finally {
      await bench.dispose();
    }
  });
});
