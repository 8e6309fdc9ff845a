import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import { after, it } from 'node:test';
import { Worker } from 'node:worker_threads';
import type { Address, HealthConfig } from '@lameduck/core';
import { createHealthChecker } from '../../src/adapters/health-checker.ts';

const health: HealthConfig = {
  type: 'http',
  path: '/healthz',
  port: undefined,
  intervalMs: 100,
  downIntervalMs: 100,
  timeoutMs: 500,
  rise: 1,
  fall: 1,
  expect: { status: [{ from: 200, to: 299 }], body: undefined },
  slowStartMs: 0,
  passive: undefined,
};
const withBody = (body: HealthConfig['expect']['body']): HealthConfig => ({
  ...health,
  expect: { ...health.expect, body },
});
const checker = createHealthChecker();
const closers: (() => void)[] = [];
after(async () => {
  await checker.close();
  for (const close of closers) close();
});

function portOf(server: { address(): AddressInfo | string | null }): number {
  return (server.address() as AddressInfo).port;
}

async function serve(listener: RequestListener): Promise<{ address: Address; server: Server }> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server, 'listening');
  return { server, address: { kind: 'tcp', host: '127.0.0.1', port: portOf(server) } };
}

/** A server that answers each connection's bytes with these texts, one for each request, then does what it is told. */
async function answerRaw(respond: (socket: Socket, request: number) => void): Promise<Address> {
  let request = 0;
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('data', () => {
      request += 1;
      respond(socket, request);
    });
  }).listen(0, '127.0.0.1');
  closers.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  await once(server, 'listening');
  return { kind: 'tcp', host: '127.0.0.1', port: portOf(server) };
}

it('passes on an expected status and asks for the path that was given', async () => {
  let path: string | undefined;
  const { address } = await serve((request, response) => {
    path = request.url;
    response.end('well');
  });
  const result = await checker.check(address, health);
  assert.deepEqual([result.passed, result.detail, path], [true, 'status 200', '/healthz']);
  assert.ok(result.ms > 0);
});

it('fails on any other status and says which was wanted', async () => {
  const { address } = await serve((_, response) => response.writeHead(503).end());
  const result = await checker.check(address, health);
  assert.deepEqual([result.passed, result.detail], [false, 'status 503, wanted 200-299']);
  const status = [
    { from: 200, to: 299 },
    { from: 503, to: 503 },
  ];
  assert.ok((await checker.check(address, { ...health, expect: { status, body: undefined } })).passed);
});

it('fails in time where no answer comes, and works again when one does', async () => {
  let isSilent = true;
  const { address } = await serve((_, response) => {
    if (!isSilent) response.end();
  });
  const beganAt = performance.now();
  const result = await checker.check(address, { ...health, timeoutMs: 200 });
  assert.deepEqual([result.passed, result.detail], [false, 'no answer in 200 ms']);
  assert.ok(performance.now() - beganAt < 2000);
  isSilent = false;
  assert.ok((await checker.check(address, health)).passed);
});

it('fails where nothing listens, with the reason', async () => {
  for (const type of ['http', 'tcp'] as const) {
    const result = await checker.check({ kind: 'tcp', host: '127.0.0.1', port: 1 }, { ...health, type });
    assert.equal(result.passed, false);
    assert.match(result.detail, /ECONNREFUSED/);
  }
});

it('asks at the port of the checks where one is given', async () => {
  const { address, server } = await serve((_, response) => response.end());
  const elsewhere: Address = { kind: 'tcp', host: '127.0.0.1', port: 1 };
  assert.equal(address.kind, 'tcp');
  assert.ok((await checker.check(elsewhere, { ...health, port: portOf(server) })).passed);
});

it('keeps one connection for ten checks, then shows that the node accepts another', async () => {
  let connections = 0;
  const { address, server } = await serve((_, response) => response.end('well'));
  server.on('connection', () => {
    connections += 1;
  });
  for (let turn = 0; turn < 20; turn += 1) assert.ok((await checker.check(address, health)).passed);
  assert.equal(connections, 2);
});

it('tries again where the node closed the kept connection under the request, and fails where a fresh one ends', async () => {
  const well = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';
  const address = await answerRaw((socket, request) => {
    if (request === 2) socket.destroy();
    else if (request === 4) socket.end('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\ncut');
    else socket.write(well);
  });
  assert.ok((await checker.check(address, health)).passed);
  assert.ok((await checker.check(address, health)).passed);
  const cut = await checker.check(address, health);
  assert.deepEqual(
    [cut.passed, cut.detail],
    [false, 'the connection was closed before the answer was complete'],
  );
});

it('looks for text and patterns in the body, chunked or not', async () => {
  const { address } = await serve((_, response) => {
    response.write('{"state":');
    setTimeout(() => response.end('"ready ✓"}'), 20);
  });
  const text = await checker.check(address, withBody({ kind: 'text', text: '"ready ✓"' }));
  assert.deepEqual([text.passed, text.detail], [true, 'status 200']);
  assert.ok(
    (await checker.check(address, withBody({ kind: 'pattern', source: '^\\{.*READY.*\\}$', flags: 'i' })))
      .passed,
  );
  const wrong = await checker.check(address, withBody({ kind: 'text', text: 'asleep' }));
  assert.deepEqual([wrong.passed, wrong.detail], [false, 'status 200, no "asleep" in the body']);
});

it('reads no more than 64 KB of a body that does not end', async () => {
  let sent = 0;
  const { address } = await serve((_, response) => {
    const write = (): void => {
      sent += 1024;
      if (!response.destroyed && sent < 50_000_000)
        response.write('x'.repeat(1024), () => setImmediate(write));
    };
    write();
  });
  const result = await checker.check(address, { ...withBody({ kind: 'text', text: 'y' }), timeoutMs: 5000 });
  assert.deepEqual(
    [result.passed, result.detail],
    [false, 'status 200, no "y" in the first 65536 bytes of the body'],
  );
  assert.ok((await checker.check(address, health)).passed, 'a stream is as well as its status');
});

it('reads no more than its bound of what never becomes an answer', async () => {
  const head = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n';
  const floods = [
    ['', 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(1000)],
    [head, '1;x=yyyyyyyyyyyyyyyy\r\nz\r\n'.repeat(1000)],
    [`${head}-6\r\n`, '-6\r\n'.repeat(5000)],
  ] as const;
  for (const [begin, more] of floods) {
    let sent = 0;
    const address = await answerRaw((socket) => {
      const write = (): void => {
        sent += more.length;
        if (!socket.destroyed && sent < 20_000_000) socket.write(more, () => setImmediate(write));
      };
      socket.write(begin);
      write();
    });
    const result = await checker.check(address, {
      ...withBody({ kind: 'text', text: 'never there' }),
      timeoutMs: 10_000,
    });
    assert.deepEqual(
      [result.passed, result.detail],
      [false, 'an answer of more than 147456 bytes that says too little'],
    );
  }
});

it('a TCP check passes where a connection is accepted, and sends nothing', async () => {
  let received = 0;
  const server = createTcpServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      received += bytes.length;
    });
    socket.on('end', () => socket.end());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => server.close());
  const address: Address = { kind: 'tcp', host: '127.0.0.1', port: portOf(server) };
  const ended = once(server, 'connection').then(([socket]) => once(socket as Socket, 'close'));
  const result = await checker.check(address, { ...health, type: 'tcp' });
  await ended;
  assert.deepEqual([result.passed, result.detail, received], [true, 'connected', 0]);
});

it('a check of something that speaks no HTTP fails and says so', async () => {
  const address = await answerRaw((socket) => socket.write('220 mail.example ESMTP\r\n'));
  const result = await checker.check(address, health);
  assert.deepEqual([result.passed, result.detail], [false, 'no HTTP/1 answer']);
});

const slowServer = `
const { createServer } = require('node:http');
const { parentPort } = require('node:worker_threads');
const server = createServer((_, response) => setTimeout(() => response.end('well'), 200));
server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
`;

it('a check that is late itself still counts the answer that came in time', async () => {
  const thread = new Worker(slowServer, { eval: true });
  closers.push(() => void thread.terminate());
  const [port] = (await once(thread, 'message')) as [number];
  const address: Address = { kind: 'tcp', host: '127.0.0.1', port };
  assert.ok((await checker.check(address, { ...health, timeoutMs: 5000 })).passed, 'the server is warm');
  const pending = checker.check(address, { ...health, timeoutMs: 400 });
  // the answer comes while this loop does nothing else, and so does the deadline; timers are the first to be called then
  const block = (): void => {
    for (const until = performance.now() + 1000; performance.now() < until; );
  };
  setTimeout(() => setImmediate(block), 50);
  assert.deepEqual((await pending).detail, 'status 200');
});
