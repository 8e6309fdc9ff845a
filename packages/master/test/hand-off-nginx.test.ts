import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { MasterProcess, temporaryDirectory, until } from './support/master-process.ts';
import { Load } from './support/requests.ts';

/** Says who answered, and writes down from which port of nginx the request came. */
const application = `
import { appendFileSync } from 'node:fs';
export default async (request, response) => {
  appendFileSync('ports', request.socket.remotePort + '\\n');
  for await (const _ of request);
  response.end(JSON.stringify({ pid: process.pid, path: request.url }));
};
`;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

/** A stock nginx with an upstream keep-alive pool; it may not try anything twice. */
function config(port: number, upstream: number, pool: string): string {
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `
daemon off; master_process off; pid nginx.pid; error_log error.log info;
events { worker_connections 512; }
http {
  ${paths.map((path) => `${path}_temp_path ${path};`).join(' ')}
  access_log access.log;
  upstream app { server 127.0.0.1:${upstream} max_fails=0; keepalive 32; ${pool} }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_next_upstream off;
    }
  }
}
`;
}

async function startNginx(
  test: TestContext,
  upstream: number,
  pool = '',
): Promise<{ port: number; errors(): string }> {
  const directory = temporaryDirectory(test);
  const port = await freePort();
  writeFileSync(join(directory, 'nginx.conf'), config(port, upstream, pool));
  const child: ChildProcess = spawn('nginx', ['-p', directory, '-c', 'nginx.conf', '-e', 'error.log'], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const exited = once(child, 'exit');
  test.after(async () => {
    child.kill('SIGTERM');
    await exited;
  });
  await until('nginx listens', () => canConnect(port));
  return { port, errors: () => readFileSync(join(directory, 'error.log'), 'utf8') };
}

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

it('R6: nginx with an upstream keep-alive pool and without retries sees no 502 and no closed connection over 20 reloads', async (test) => {
  const master = new MasterProcess(test, {}, application);
  const nginx = await startNginx(test, await master.ready());
  const load = new Load(nginx.port, { keepAlive: 6, thoughtful: 12, fresh: 2, bodyBytes: 16_384 });
  for (let n = 0; n < 20; n++) assert.equal((await master.control('POST', '/reload')).status, 200);
  await load.stop();
  const moved = master.log.filter((line) => line.msg === 'connections handed over');
  const sum = moved.reduce((total, line) => total + Number(line.handedOver), 0);
  test.diagnostic(
    `${load.sent} requests, 20 reloads, ${sum} connections of nginx handed over, ${load.losses.length} lost`,
  );
  const ports = new Set(readFileSync(join(master.directory, 'ports'), 'utf8').trim().split('\n'));
  test.diagnostic(`nginx has opened ${ports.size} connections in all`);
  assert.deepEqual(load.losses, []);
  // As many as there are clients at once, and some room: none was opened again for a reload.
  assert.ok(ports.size <= 24, `${ports.size} connections`);
  assert.doesNotMatch(nginx.errors(), /prematurely closed|reset by peer|upstream .*closed|no live upstreams/);
  assert.ok(load.sent >= 2000 && sum >= 40, `only ${load.sent} requests, ${sum} connections`);
});

it('R6: where workers linger instead of handing over, nginx sees no 502 and no closed connection either', async (test) => {
  // Longer than nginx keeps a connection idle, as the manual has it.
  const master = new MasterProcess(test, { handOff: false, lingerMs: 1500 }, application);
  const nginx = await startNginx(test, await master.ready(), 'keepalive_timeout 1s;');
  const load = new Load(nginx.port, { keepAlive: 6, thoughtful: 12, fresh: 2, bodyBytes: 16_384 });
  let reloads = 0;
  for (; reloads < 4 || (load.sent < 1000 && reloads < 20); reloads += 1)
    assert.equal((await master.control('POST', '/reload')).status, 200);
  await load.stop();
  assert.deepEqual(load.losses, []);
  assert.doesNotMatch(nginx.errors(), /prematurely closed|reset by peer|upstream .*closed|no live upstreams/);
  assert.ok(!master.log.some((line) => line.msg === 'connections handed over'), 'nothing was handed over');
  assert.ok(load.sent >= 1000, `only ${load.sent} requests`);
  test.diagnostic(`${load.sent} requests, ${reloads} reloads, ${load.losses.length} lost`);
});
