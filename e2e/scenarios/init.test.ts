import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { runLoad } from '@lameduck/ledger';
import { parse } from 'yaml';
import { assertNothingLost } from '../support/assertions.ts';
import { freePorts } from '../support/ports.ts';
import { reportOf } from '../support/reports.ts';
import { makeRunFolder, type RunningService, runLameduck, startUp } from '../support/run-service.ts';
import { projectRoot } from '../support/service-config.ts';
import { until } from '../support/until.ts';

const modules = process.env['LAMEDUCK_NGINX_MODULES'] ?? '/usr/lib/nginx/modules';
const luaPath = process.env['LAMEDUCK_LUA_PATH'];
const nginx = process.env['LAMEDUCK_NGINX'] ?? '/usr/sbin/nginx';

/** The nginx of somebody who has never heard of lameduck, all paths relative to `-p`. */
function nginxConf([edge, first, second]: readonly number[]): string {
  return `load_module ${modules}/ndk_http_module.so;
load_module ${modules}/ngx_http_lua_module.so;
daemon off;
${process.getuid?.() === 0 ? 'user root root;' : ''}
pid logs/nginx.pid;
error_log logs/error.log notice;
events { worker_connections 1024; }
http {
  ${luaPath === undefined ? '' : `lua_package_path "${luaPath}";`}
  access_log off;
  client_body_temp_path temp-body; proxy_temp_path temp-proxy; fastcgi_temp_path temp-fastcgi;
  uwsgi_temp_path temp-uwsgi; scgi_temp_path temp-scgi;
  client_max_body_size 10m;
  include conf.d/*.conf;
  upstream shop { server 127.0.0.1:${first} weight=2; server 127.0.0.1:${second}; }
  server {
    listen 127.0.0.1:${edge};
    location / { proxy_pass http://shop; proxy_http_version 1.1; proxy_set_header Connection ""; }
  }
}
`;
}

describe('a configuration that lameduck init wrote from an nginx and a PM2 file', () => {
  const folder = makeRunFolder();
  const conf = join(folder, 'nginx.conf');
  let own: ChildProcess;
  let ports: readonly number[] = [];
  let service: RunningService;

  before(async () => {
    ports = await freePorts(3);
    for (const name of ['logs', 'conf.d', 'ledger']) mkdirSync(join(folder, name));
    writeFileSync(conf, nginxConf(ports));
    // one program twice, as PM2 runs it on two ports
    const apps = ['a', 'b'].map((name, index) => ({
      name: `shop-${name}`,
      script: join(projectRoot, 'examples', 'shop', 'app.ts'),
      env: { LEDGER_DIR: join(folder, 'ledger'), NODE_NAME: name, PORT: ports[index + 1] },
    }));
    writeFileSync(join(folder, 'ecosystem.config.cjs'), `module.exports = ${JSON.stringify({ apps })};\n`);
    own = spawn(nginx, ['-p', folder, '-e', 'logs/error.log', '-c', 'nginx.conf'], { stdio: 'inherit' });
    await until('nginx runs', () => existsSync(join(folder, 'logs/nginx.pid')));
  });
  after(async () => {
    const exited = once(own, 'exit');
    own.kill('SIGTERM');
    await exited;
    rmSync(folder, { recursive: true, force: true });
  });

  it('is accepted by check, and serves through that nginx with lameduck up', async () => {
    const written = await runLameduck(
      folder,
      'init',
      '--nginx',
      'nginx.conf',
      '--pm2',
      'ecosystem.config.cjs',
    );
    assert.equal(written.code, 0, written.stderr);
    const { service: name, nodes } = parse(readFileSync(join(folder, 'lameduck.yaml'), 'utf8'));
    assert.deepEqual([name, nodes.length, nodes[0].weight], ['shop-lameduck', 2, 2]);
    const first = await runLameduck(folder, 'check', '--json');
    assert.equal(first.code, 0, first.stdout);
    const rules = (result: unknown) =>
      (result as { findings: { rule?: string }[] }).findings.flatMap(({ rule }) => rule ?? []);
    assert.ok(rules(first.json).includes('bypass') && rules(first.json).includes('not-used'));

    const place = {
      folder,
      ledgerDir: join(folder, 'ledger'),
      ports,
      configFile: join(folder, 'lameduck.yaml'),
    };
    service = await startUp(place);
    try {
      // what the last step of init says
      assert.match(
        written.stderr,
        /write "proxy_pass http:\/\/shop-lameduck;" where it says shop, and reload nginx/,
      );
      writeFileSync(conf, readFileSync(conf, 'utf8').replace('http://shop;', 'http://shop-lameduck;'));
      own.kill('SIGHUP');
      assert.deepEqual(rules((await service.lameduck('check', '--json')).json), []);
      const url = `http://127.0.0.1:${ports[0]}`;
      assert.equal((await service.lameduck('drain', 'a')).code, 0);
      await until('only b is asked', async () => {
        const drained = await service.audit(
          await runLoad({ url, connections: { fresh: 4 }, count: 40 }).done,
        );
        return Object.keys(drained.server?.nodes ?? {}).join() === 'b';
      });
      assert.equal((await service.lameduck('ready', 'a')).code, 0);
      const load = runLoad({ url, connections: 10 });
      try {
        const result = await service.lameduck('restart', 'b', '--json');
        assert.equal(reportOf(result).result, 'exited', result.stdout + result.stderr);
      } finally {
        await load.stop();
      }
      assertNothingLost(await service.audit(await load.done), 50);
    } finally {
      const code = await stopKeeping(service);
      assert.equal(code, 0);
    }
  });
});

/** As `service.stop()`, but the folder stays: nginx runs from it. */
async function stopKeeping({ up }: RunningService): Promise<number | null> {
  if (up.exitCode !== null) return up.exitCode;
  const closed = once(up, 'close');
  up.kill('SIGTERM');
  await closed;
  return up.exitCode;
}
