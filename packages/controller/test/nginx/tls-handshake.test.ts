import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { type Bench, freePort, ignore, makeBench, soon, until } from './harness.ts';

const keys = join(import.meta.dirname, '..', '..', '..', 'worker', 'test', 'keys');

/** Lets the first flight of each handshake through and holds what clients send after it. */
interface HoldingRelay {
  readonly port: number;
  /** Handshakes that nginx has answered, whose clients now wait with their second flight. */
  readonly halfWay: number;
  release(): void;
  close(): void;
}

async function openHoldingRelay(target: number): Promise<HoldingRelay> {
  const held: (() => void)[] = [];
  const sockets: Socket[] = [];
  let halfWay = 0;
  const server: Server = createServer((client) => {
    const upstream = connect(target, '127.0.0.1');
    sockets.push(client, upstream);
    for (const socket of [client, upstream]) socket.on('error', () => {});
    upstream.once('data', () => {
      halfWay += 1;
    });
    upstream.pipe(client);
    client.once('data', (hello: Buffer) => {
      upstream.write(hello);
      client.pause();
      held.push(() => client.pipe(upstream));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    get halfWay() {
      return halfWay;
    },
    release: () => {
      for (const go of held.splice(0)) go();
    },
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

/** A session whose handshake has begun and cannot end before the relay lets it. */
function beginSession(port: number): ClientHttp2Session {
  const socket = connectTls({ port, host: '127.0.0.1', ALPNProtocols: ['h2'], rejectUnauthorized: false });
  const session = connectHttp2('https://shop', { createConnection: () => socket });
  session.on('error', () => {});
  return session;
}

/** The body, or why there is none. */
async function ask(session: ClientHttp2Session, id: string): Promise<string> {
  try {
    const stream = session.request({ ':path': '/', 'x-id': id });
    let body = '';
    stream.setEncoding('utf8').on('data', (text: string) => {
      body += text;
    });
    await once(stream, 'close');
    return stream.rstCode === 0 ? body : `reset ${stream.rstCode}`;
  } catch (thrown) {
    return String(thrown);
  }
}

for (const mode of ['gate', 'reload'] as const) {
  describe(`TLS handshakes under way in ${mode} mode`, () => {
    let bench: Bench;
    let port: number;
    before(async () => {
      port = await freePort();
      const http = `server { listen 127.0.0.1:${port} ssl http2; ssl_certificate ${join(keys, 'cert.pem')};
        ssl_certificate_key ${join(keys, 'key.pem')}; location / { proxy_pass http://shop;
        proxy_http_version 1.1; proxy_set_header Connection ""; } }`;
      bench = await makeBench({ kind: 'attached', mode, http });
      await bench.edge.open([], soon());
    });
    after(() => bench.dispose());

    it('E5: a handshake that began before the removal and ends after it brings no stream to the node once that is proved', async () => {
      const relay = await openHoldingRelay(port);
      const sessions = Array.from({ length: 6 }, () => beginSession(relay.port));
      try {
        await until(() => relay.halfWay === sessions.length);
        let isApplied = false;
        let isProved = false;
        const note = (): void => {
          isApplied = true;
        };
        const removal = bench.edge.remove('b', note, soon()).then(() => {
          isProved = true;
        });
        await until(() => isApplied);
        // the old worker has the handshakes, and would still pick the node
        if (mode === 'reload') assert.equal(isProved, false);
        else await removal;
        const before = bench.backends[1].asked.length;
        relay.release();
        const bodies = await Promise.all(
          sessions.flatMap((session, index) =>
            Array.from({ length: 5 }, (_, turn) => ask(session, `${index}-${turn}`)),
          ),
        );
        for (const body of bodies) assert.match(body, /^[abc] GET 0$/);
        if (mode === 'gate') assert.equal(bench.backends[1].asked.length, before);
        for (const session of sessions) session.close();
        await removal;
        const asked = bench.backends[1].asked.length;
        for (let index = 0; index < 12; index += 1) await bench.ask();
        assert.equal(bench.backends[1].asked.length, asked);
      } finally {
        for (const session of sessions) session.destroy();
        relay.close();
      }
      await bench.edge.restore('b', ignore, soon());
    });
  });
}
