import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Kind } from '../src/kinds.ts';
import { kinds } from '../src/kinds.ts';
import type { LoadOptions } from '../src/options.ts';
import type { LossReason } from '../src/outcome.ts';
import type { LedgerResult } from '../src/result.ts';
import { runLoad } from '../src/run-load.ts';
import { type Fault, startServer } from './faulty-server.ts';

/** Short shapes, so that the slow kinds finish within a test. */
const shapes = {
  slowMs: [1, 20],
  uploadMs: [30, 120],
  streamChunks: [2, 4],
  streamGapMs: [1, 3],
  idleMs: [20, 80],
  lateMs: [10, 60],
} as const;

const unbounded = { ratePerConnection: 0, shapes } as const;

async function runAgainst(fault: Fault, options: Omit<LoadOptions, 'url'>): Promise<LedgerResult> {
  const server = await startServer(fault);
  try {
    return await runLoad({ url: server.url, ...unbounded, ...options }).done;
  } finally {
    await server.close();
  }
}

function assertOnlyLost(result: LedgerResult, reason: LossReason, count: number): void {
  assert.ok(count > 0, 'the fault was planted');
  assert.equal(result.lost, count, JSON.stringify(result.losses.slice(0, 5)));
  assert.equal(result.reasons[reason], count, JSON.stringify(result.reasons));
  assert.equal(result.losses.length, count);
  assert.equal(result.sent, result.answered + result.lost);
}

test('a healthy server loses nothing of 6,000 mixed requests, and every kind of traffic took part', async () => {
  const server = await startServer();
  const load = runLoad({ url: server.url, ...unbounded, count: 6000 });
  const result = await load.done;
  await server.close();
  assert.equal(result.lost, 0, JSON.stringify(result.losses.slice(0, 5)));
  assert.equal(result.sent, 6000);
  assert.equal(result.answered, 6000);
  assert.equal(server.arrivals(), 6000, 'nothing is sent twice');
  for (const kind of kinds) assert.ok((result.kinds[kind]?.answered ?? 0) > 0, kind);
});

test('connections that are reset before any answer are counted as reset, one by one', async () => {
  let planted = 0;
  const fault: Fault = ({ request, number }) => {
    if (number % 50 !== 0) return false;
    planted += 1;
    request.socket.resetAndDestroy();
    return true;
  };
  const result = await runAgainst(fault, { connections: { fresh: 5 }, count: 1000 });
  assertOnlyLost(result, 'reset', 20);
  assert.equal(planted, 20);
  assert.ok(result.losses.every(({ code }) => code === 'ECONNRESET'));
});

for (const [how, close] of [
  ['reset', (socket) => socket.resetAndDestroy()],
  ['closed', (socket) => socket.destroy()],
] as readonly [string, (socket: import('node:net').Socket) => void][]) {
  test(`a kept-alive connection ${how} under its second request is a loss of its own kind, resetIdle`, async () => {
    let planted = 0;
    const fault: Fault = ({ request, onConnection }) => {
      if (onConnection !== 2) return false;
      planted += 1;
      close(request.socket);
      return true;
    };
    const result = await runAgainst(fault, { connections: { get: 4, post: 4, idle: 2 }, count: 100 });
    assertOnlyLost(result, 'resetIdle', planted);
  });
}

test('a body shorter than its Content-Length is truncated', async () => {
  let planted = 0;
  const fault: Fault = ({ response, number }) => {
    if (number % 10 !== 0) return false;
    planted += 1;
    response.writeHead(200, { 'content-length': 100 });
    response.write('{"id":', () => response.destroy());
    return true;
  };
  assertOnlyLost(await runAgainst(fault, { connections: { get: 4 }, count: 200 }), 'truncated', 20);
  assert.equal(planted, 20);
});

test('a chunked body without its last chunk is truncated, even if it is right so far', async () => {
  const fault: Fault = ({ response, number, id }) => {
    if (number % 10 !== 0) return false;
    response.write(JSON.stringify({ id }), () => response.socket?.end());
    return true;
  };
  assertOnlyLost(await runAgainst(fault, { connections: { get: 4 }, count: 200 }), 'truncated', 20);
});

test('an answer cut inside its head is truncated, not reset', async () => {
  const fault: Fault = ({ request, number }) => {
    if (number % 10 !== 0) return false;
    request.socket.end('HTTP/1.1 200 OK\r\nContent-Le');
    return true;
  };
  assertOnlyLost(await runAgainst(fault, { connections: { get: 4 }, count: 100 }), 'truncated', 10);
});

for (const kind of ['get', 'slow', 'post', 'upload', 'stream', 'late'] satisfies Kind[]) {
  test(`an answer of kind ${kind} with the body of another request is a wrongBody`, async () => {
    const fault: Fault = ({ request, response, number }) => {
      if (number % 4 !== 0) return false;
      request.resume().once('end', () => response.end(JSON.stringify({ id: 'of-another' })));
      return true;
    };
    const result = await runAgainst(fault, { connections: { [kind]: 4 }, count: 40 });
    assertOnlyLost(result, 'wrongBody', 10);
  });
}

test('one flipped byte of an uploaded body is seen, because the server hashes what it got', async () => {
  const fault: Fault = ({ request, response, id }) => {
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    request.once('end', () => response.end(JSON.stringify({ id, bytes, sha256: '0'.repeat(64) })));
    return true;
  };
  const result = await runAgainst(fault, { connections: { post: 2, postRandom: 2 }, count: 20 });
  assertOnlyLost(result, 'wrongBody', 20);
});

test('error statuses are counted by status', async () => {
  const fault: Fault = ({ response, number }) => {
    const status = { 0: 502, 5: 503 }[number % 10];
    if (status === undefined) return false;
    response.writeHead(status).end('sorry');
    return true;
  };
  const result = await runAgainst(fault, { connections: { get: 3, fresh: 3 }, count: 200 });
  assertOnlyLost(result, 'errorStatus', 40);
  assert.deepEqual(result.errorStatuses, { 502: 20, 503: 20 });
});

test('an error status that comes in the middle of an upload ends the upload', async () => {
  const fault: Fault = ({ response }) => {
    response.writeHead(503).end();
    return true;
  };
  const uploadMs = [20_000, 20_000] as const;
  const startedAt = performance.now();
  const result = await runAgainst(fault, { connections: { upload: 3 }, count: 6, shapes: { uploadMs } });
  assertOnlyLost(result, 'errorStatus', 6);
  assert.ok(performance.now() - startedAt < 15_000, 'no upload went on to its end');
});

test('a request without an answer is a timeout at its own deadline', async () => {
  const fault: Fault = ({ number }) => number <= 3;
  const result = await runAgainst(fault, { connections: { get: 1, late: 1 }, count: 20, timeoutMs: 1000 });
  assertOnlyLost(result, 'timeout', 3);
});

test('a port where nobody listens is refused for every kind', async () => {
  const server = await startServer();
  await server.close();
  const connections = Object.fromEntries(kinds.map((kind) => [kind, 1]));
  const result = await runLoad({ url: server.url, ...unbounded, connections, count: 30 }).done;
  assertOnlyLost(result, 'refused', 30);
  assert.ok(result.losses.every(({ code }) => code === 'ECONNREFUSED'));
});

test('an announced close loses nothing', async () => {
  const fault: Fault = ({ response }) => {
    response.setHeader('connection', 'close');
    return false;
  };
  const result = await runAgainst(fault, { connections: { get: 4, post: 4, stream: 2 }, count: 500 });
  assert.equal(result.lost, 0, JSON.stringify(result.losses.slice(0, 5)));
});

test('an idle connection is not used beyond the Keep-Alive timeout that the server named', async () => {
  const seen: number[] = [];
  const fault: Fault = ({ response, onConnection, id }) => {
    seen.push(onConnection);
    const body = JSON.stringify({ id });
    response.writeHead(200, {
      'keep-alive': 'timeout=2',
      connection: 'keep-alive',
      'content-length': body.length,
    });
    response.end(body);
    return true;
  };
  const idleMs = [1300, 1600] as const; // past the hint less its second, short of the hint
  const result = await runAgainst(fault, { connections: { idle: 3 }, count: 9, shapes: { idleMs } });
  assert.equal(result.lost, 0);
  assert.deepEqual(seen, Array(9).fill(1));
});

test('a silent connection that the server closes is no loss, because nothing was sent on it', async () => {
  const server = await startServer();
  let connections = 0;
  server.server.on('connection', (socket) => {
    connections += 1;
    if (connections <= 4) socket.destroy();
  });
  const lateMs = [300, 400] as const;
  const result = await runLoad({ url: server.url, connections: { late: 4 }, count: 8, shapes: { lateMs } })
    .done;
  await server.close();
  assert.equal(result.closedUnused, 4);
  assert.equal(result.lost, 0);
  assert.equal(result.answered, 8);
});

test('stop sends nothing new and finishes what is in flight', async () => {
  const server = await startServer();
  const slowMs = [400, 400] as const;
  const load = runLoad({
    url: server.url,
    connections: { slow: 5 },
    ratePerConnection: 0,
    shapes: { slowMs },
  });
  while (load.snapshot().inFlight < 5) await new Promise((resolve) => server.server.once('request', resolve));
  const sentBefore = load.snapshot().sent;
  const result = await load.stop();
  await server.close();
  assert.equal(result.sent, sentBefore);
  assert.equal(result.answered, sentBefore);
  assert.equal(result.inFlight, 0);
  assert.deepEqual(await load.stop(), result);
});

test('the rate bounds each connection', async () => {
  const server = await startServer();
  const options = { connections: { get: 4 }, ratePerConnection: 10, durationMs: 2000 };
  const result = await runLoad({ url: server.url, ...options }).done;
  await server.close();
  assert.ok(result.sent <= 4 * (10 * 2 * 1.5 + 2), `sent ${result.sent}`);
  assert.ok(result.sent >= 8, `sent ${result.sent}`);
});

test('phases split answers, losses and latencies at each mark', async () => {
  let isBroken = false;
  const fault: Fault = ({ response }) => {
    if (isBroken) response.writeHead(500).end();
    return isBroken;
  };
  const server = await startServer(fault);
  const load = runLoad({ url: server.url, connections: { get: 3 }, ratePerConnection: 50 });
  load.mark('before');
  while (load.snapshot().answered < 20)
    await new Promise((resolve) => server.server.once('request', resolve));
  isBroken = true;
  load.mark('rollout');
  while (load.snapshot().lost < 5) await new Promise((resolve) => server.server.once('request', resolve));
  const { phases, answered, lost } = await load.stop();
  await server.close();
  assert.deepEqual(
    phases.map(({ name }) => name),
    ['before', 'rollout'],
  );
  assert.equal(phases[0]?.lost, 0);
  assert.equal(phases[1]?.lost, lost);
  assert.equal((phases[0]?.answered ?? 0) + (phases[1]?.answered ?? 0), answered);
  assert.ok(
    (phases[0]?.latency.p50 ?? 0) > 0 && (phases[0]?.latency.p99 ?? 0) <= (phases[0]?.latency.max ?? 0),
  );
});
