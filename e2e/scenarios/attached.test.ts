import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { runLoad } from '@lameduck/ledger';
import { stringify } from 'yaml';
import { assertNothingLost } from '../support/assertions.ts';
import { freePorts } from '../support/ports.ts';
import { reportOf, statusOf } from '../support/reports.ts';
import { makeRunFolder, type RunningService, startUp } from '../support/run-service.ts';
import { serviceConfig } from '../support/service-config.ts';
import { until } from '../support/until.ts';

const modules = process.env['LAMEDUCK_NGINX_MODULES'] ?? '/usr/lib/nginx/modules';
const luaPath = process.env['LAMEDUCK_LUA_PATH'];
const nginx = process.env['LAMEDUCK_NGINX'] ?? '/usr/sbin/nginx';

/** A configuration as an operator would have it: one line of it is about us. */
function nginxConf(folder: string, port: number, include: string): string {
  return `
load_module ${modules}/ndk_http_module.so;
load_module ${modules}/ngx_http_lua_module.so;
daemon off;
${process.getuid?.() === 0 ? 'user root root;' : ''}
pid ${folder}/nginx.pid;
error_log ${folder}/error.log notice;
worker_processes 2;
events { worker_connections 1024; }
http {
  ${luaPath === undefined ? '' : `lua_package_path "${luaPath}";`}
  access_log off;
  client_body_temp_path ${folder}/temp-body;
  proxy_temp_path ${folder}/temp-proxy;
  fastcgi_temp_path ${folder}/temp-fastcgi;
  uwsgi_temp_path ${folder}/temp-uwsgi;
  scgi_temp_path ${folder}/temp-scgi;
  client_max_body_size 10m;
  include ${include};
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://shop;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }
  }
}
`;
}

describe("the user's own nginx, attached", () => {
  const folder = makeRunFolder();
  const include = join(folder, 'lameduck-shop.conf');
  let own: ChildProcess;
  let service: RunningService;
  let url = '';

  before(async () => {
    const ports = await freePorts(3);
    const [edgePort = 0] = ports;
    url = `http://127.0.0.1:${edgePort}`;
    mkdirSync(join(folder, 'ledger'));
    // an upstream without nodes is what nginx has before lameduck has written its file
    writeFileSync(include, 'upstream shop { server 127.0.0.1:1 down; }\n');
    const conf = join(folder, 'nginx.conf');
    writeFileSync(conf, nginxConf(folder, edgePort, include));
    own = spawn(nginx, ['-e', join(folder, 'error.log'), '-c', conf], { stdio: 'inherit' });
    const attach = { name: 'own', attach: { conf, include }, nginx };
    const config = serviceConfig(
      { nodes: ['app', 'gunicorn'], config: { edges: [attach] } },
      ports,
      join(folder, 'ledger'),
    );
    writeFileSync(join(folder, 'lameduck.yaml'), stringify(config));
    service = await startUp({
      folder,
      ledgerDir: join(folder, 'ledger'),
      ports,
      configFile: join(folder, 'lameduck.yaml'),
    });
  });
  after(async () => {
    const { pid } = own;
    assert.equal(await service.stop(), 0);
    assert.equal(own.exitCode, null, 'an attached nginx is not ours to stop');
    const exited = once(own, 'exit');
    process.kill(pid ?? 0, 'SIGTERM');
    await exited;
    rmSync(folder, { recursive: true, force: true });
  });

  it('is gated without a reload: restarts lose nothing', async () => {
    const [edge] = (await statusOf(service)).edges;
    assert.deepEqual([edge?.mode, edge?.state, edge?.pid], ['gate', 'ready', own.pid]);
    const load = runLoad({ url, connections: 30 });
    try {
      for (const name of ['a', 'b', 'a', 'b']) {
        const result = await service.lameduck('restart', name, '--json');
        assert.equal(reportOf(result).result, 'exited', result.stdout + result.stderr);
      }
    } finally {
      await load.stop();
    }
    assertNothingLost(await service.audit(await load.done), 1000);
  });

  it('may be reloaded by anybody at any time: a drained node stays out', async () => {
    assert.equal((await service.lameduck('drain', 'b')).code, 0);
    for (let turn = 0; turn < 3; turn += 1) own.kill('SIGHUP');
    const load = runLoad({ url, connections: { fresh: 10 }, count: 200 });
    const ledger = await service.audit(await load.done);
    assertNothingLost(ledger, 200);
    assert.deepEqual(Object.keys(ledger.server?.nodes ?? {}), ['a']);
    assert.equal((await service.lameduck('ready', 'b')).code, 0);
    await until('b is asked again', async () => {
      const more = await runLoad({ url, connections: { fresh: 4 }, count: 20 }).done;
      return Object.keys((await service.audit(more)).server?.nodes ?? {}).length === 2;
    });
  });
});
