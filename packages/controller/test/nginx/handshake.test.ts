import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type ClientHttp2Session, connect as connectHttp2, constants } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { connect as connectTls } from 'node:tls';
import type { EdgeProgress } from '../../src/ports/edge.ts';
import { type Bench, freePort, ignore, makeBench, soon, until } from './harness.ts';

function makeCertificate(folder: string): readonly [certificate: string, key: string] {
  const [certificate, key] = [join(folder, 'certificate.pem'), join(folder, 'key.pem')];
  const words = [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-days',
    '2',
  ];
  const files = ['-subj', '/CN=localhost', '-keyout', key, '-out', certificate];
  execFileSync('openssl', [...words, ...files], { stdio: 'pipe' });
  return [certificate, key];
}

/** The node that answered one stream. A worker that is shutting down refuses some unseen, which clients send again. */
async function ask(session: ClientHttp2Session, path: string): Promise<string> {
  const stream = session.request({ ':path': path });
  try {
    return (await text(stream))[0] ?? 'nothing';
  } catch (thrown) {
    if (stream.rstCode === constants.NGHTTP2_REFUSED_STREAM) return 'refused';
    throw thrown;
  }
}

/** Three requests over HTTP/2 on a connection that said nothing so far; the nodes that answered. */
async function speakHttp2(socket: Socket): Promise<readonly string[]> {
  const secure = connectTls({ socket, ALPNProtocols: ['h2'], rejectUnauthorized: false });
  await once(secure, 'secureConnect');
  const session = connectHttp2('https://localhost', { createConnection: () => secure });
  try {
    return await Promise.all(['/one', '/two', '/three'].map((path) => ask(session, path)));
  } finally {
    session.close();
  }
}

async function openSockets(port: number, count: number): Promise<readonly Socket[]> {
  const sockets = Array.from({ length: count }, () => connect(port, '127.0.0.1'));
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  return sockets;
}

function asked(bench: Bench): number {
  return bench.backends[1].asked.length;
}

for (const mode of ['reload', 'gate'] as const) {
  describe(`E5: TLS and HTTP/2 handshakes that straddle a HUP, in ${mode} mode`, () => {
    it('every stream is answered or refused unseen, and none reaches the node once its removal is proved', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'lameduck-tls-'));
      const [certificate, key] = makeCertificate(folder);
      const port = await freePort();
      const http = `server {
        listen 127.0.0.1:${port} ssl http2; ssl_certificate ${certificate}; ssl_certificate_key ${key};
        proxy_http_version 1.1; proxy_set_header Connection ""; location / { proxy_pass http://shop; }
      }`;
      const bench = await makeBench({ kind: 'attached', mode, http });
      try {
        await bench.edge.open([], soon());
        const sockets = await openSockets(port, 6);
        // both workers accept in order: they have these once they have answered what came later
        for (let index = 0; index < 20; index += 1) await bench.ask();
        const progress: EdgeProgress[] = [];
        const removal = bench.edge.remove('b', (one) => progress.push(one), soon());
        await until(() => progress.some(({ state }) => state === 'applied'));
        if (mode === 'gate') process.kill((await bench.edge.status(soon())).pid ?? 0, 'SIGHUP');
        const early = await Promise.all(sockets.slice(0, 3).map(speakHttp2));
        // reload: old workers wait for the rest, and so does the proof
        const rest =
          mode === 'reload' ? speakAll(sockets.slice(3)) : removal.then(() => speakAll(sockets.slice(3)));
        await removal;
        const before = asked(bench);
        const late = await rest;
        const after = await speakAll(await openSockets(port, 3));
        for (const node of [...early, ...late].flat()) assert.match(node, /^([abc]|refused)$/);
        for (const node of after.flat()) assert.match(node, /^[ac]$/);
        if (mode === 'gate') assert.ok(![...early, ...late].flat().includes('b'));
        assert.equal(asked(bench), before, 'the node was asked after the proof');
        await bench.edge.restore('b', ignore, soon());
      } finally {
        await bench.dispose();
        rmSync(folder, { recursive: true, force: true });
      }
    });
  });
}

function speakAll(sockets: readonly Socket[]): Promise<readonly (readonly string[])[]> {
  return Promise.all(sockets.map(speakHttp2));
}
