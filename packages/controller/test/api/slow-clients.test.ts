import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, it, type TestContext } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { tokens, useApi } from '../support/api.ts';

const fixtures = join(import.meta.dirname, '..', '..', '..', '..', 'e2e', 'fixtures', 'tls');
const cert = readFileSync(join(fixtures, 'cert.pem'));
const limits = {
  ...{ headersTimeout: 1000, requestTimeout: 1000, handshakeTimeout: 1000 },
  connectionsCheckingInterval: 200,
};
/** As in the server: one more is closed at once. */
const mostConnections = 512;
const longestMs = 8000;

function open(t: TestContext, port: number): Socket {
  const socket = connect(port, '127.0.0.1').on('error', () => {});
  t.after(() => socket.destroy());
  return socket;
}

/** Resolves when the server has closed it; fails where it takes too long. */
async function closes(t: TestContext, socket: Socket): Promise<void> {
  const began = performance.now();
  await once(socket.resume(), 'close', {
    signal: AbortSignal.any([t.signal, AbortSignal.timeout(longestMs)]),
  });
  assert.ok(performance.now() - began < longestMs);
}

const headers = `POST /v1/rollout HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${tokens.ops}\r\n`;

describe('clients that are slow on purpose', () => {
  const served = useApi({ tcp: { limits } });

  /** Goes on until the server has enough. */
  function drip(t: TestContext, socket: Socket, piece: string): void {
    const timer = setInterval(() => socket.write(piece), 50);
    t.after(() => clearInterval(timer));
  }

  it('are not waited for while their body comes a byte at a time, and nothing is begun', async (t) => {
    const socket = open(t, served.api.port);
    socket.write(`${headers}content-length: 1000\r\n\r\n`);
    drip(t, socket, ' ');
    await closes(t, socket);
    const chunked = open(t, served.api.port);
    chunked.write(`${headers}transfer-encoding: chunked\r\n\r\n`);
    drip(t, chunked, '1\r\n \r\n');
    await closes(t, chunked);
    assert.equal((await served.api.ask('GET', '/v1/rollout')).json, null);
  });

  it('are not waited for when they say nothing at all', async (t) => {
    await closes(t, open(t, served.api.port));
  });
});

describe('clients that are slow on purpose, over TLS', () => {
  const served = useApi({ tcp: { limits, tls: { cert, key: readFileSync(join(fixtures, 'key.pem')) } } });

  it('are not waited for in the handshake, while others are answered', async (t) => {
    const silent = open(t, served.api.port);
    const stuck = open(t, served.api.port);
    // the head of a record with a ClientHello that never comes
    stuck.write(Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00]));
    const gone = Promise.all([closes(t, silent), closes(t, stuck)]);
    const other = connectTls({ port: served.api.port, host: 'localhost', ca: cert });
    other.write(
      `GET /v1/status HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${tokens.eyes}\r\nconnection: close\r\n\r\n`,
    );
    assert.match(await text(other), /^HTTP\/1\.1 200 /);
    await gone;
  });
});

describe('clients that are many', () => {
  const served = useApi();

  it('are so many and no more: the next one is closed at once, and welcome when one has gone', async (t) => {
    const sockets = Array.from({ length: mostConnections }, () => open(t, served.api.port));
    await Promise.all(sockets.map((socket) => once(socket, 'connect')));
    await closes(t, open(t, served.api.port));
    for (const socket of sockets) assert.ok(!socket.destroyed, 'who was there first stays');
    sockets[0]?.write(
      `GET /v1/status HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${tokens.eyes}\r\nconnection: close\r\n\r\n`,
    );
    assert.match(await text(sockets[0] as Socket), /^HTTP\/1\.1 200 /);
    assert.equal((await served.api.ask('GET', '/v1/status')).status, 200);
  });
});
