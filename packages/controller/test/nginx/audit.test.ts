import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { pino } from 'pino';
import { auditConfig } from '../../src/adapters/nginx/audit/audit.ts';
import type { AuditInput, EdgeFinding } from '../../src/adapters/nginx/audit/finding.ts';
import { parseBuild } from '../../src/adapters/nginx/build.ts';
import { checkNginxEdge, type EdgeCheck } from '../../src/adapters/nginx/check-edge.ts';
import { loadDump } from '../../src/adapters/nginx/config/load.ts';
import type { NginxEdgeOptions } from '../../src/adapters/nginx/options.ts';
import { luaModules, nginxBinary } from './harness.ts';

/** What the rules say of these texts, as `rule line`; the first is `nginx.conf`. */
function audit(conf: string, more: Partial<AuditInput> = {}, version = '1.22.1'): readonly EdgeFinding[] {
  const build = parseBuild(`nginx version: nginx/${version}\n`);
  assert.ok(build !== undefined);
  return auditConfig({
    config: loadDump(`# configuration file /c/nginx.conf:\n${conf}\n`),
    service: 'shop',
    include: '/c/shop.conf',
    mode: 'gate',
    build,
    nodes: [
      { name: 'a', addresses: ['127.0.0.1:8001'], keepAliveMs: 15_000 },
      { name: 'b', addresses: ['127.0.0.1:8002'], keepAliveMs: undefined },
    ],
    timeoutGracefulShutdownMs: 30_000,
    migratesRequests: false,
    ...more,
  });
}

const short = (findings: readonly EdgeFinding[]): readonly string[] =>
  findings.map(({ rule, line }) => `${rule} ${line}`);
const good = 'proxy_http_version 1.1; proxy_set_header Connection "";';
const site = (text: string, pass = 'http://shop'): string =>
  `http { server { listen 80;\n${good}\nlocation / {\n${text}\nproxy_pass ${pass};\n} } }`;

describe('what a configuration would lose', () => {
  it('is nothing where all is right', () => {
    assert.deepEqual(audit(site('')), []);
    assert.deepEqual(audit(site('proxy_read_timeout 1m; proxy_next_upstream error timeout http_503;')), []);
    assert.deepEqual(
      audit('http { server { location / { proxy_pass http://shop; } } }', {}, '1.29.7').map(
        ({ rule }) => rule,
      ),
      ['keepalive-min-timeout'],
    );
  });

  const cases: readonly [text: string, rule: string][] = [
    ['proxy_next_upstream off;', 'next-upstream-off'],
    ['proxy_next_upstream http_502;', 'next-upstream-no-error'],
    ['proxy_next_upstream error non_idempotent;', 'non-idempotent'],
    ['proxy_next_upstream_tries 1;', 'next-upstream-tries'],
    ['proxy_request_buffering off;', 'unbuffered-upload'],
    ['proxy_http_version 1.0;', 'http-1.0'],
    ['proxy_set_header Connection close;', 'connection-close'],
    ['proxy_set_header Host $host;', 'connection-close'],
    ['proxy_read_timeout 5s;', 'read-timeout'],
  ];
  for (const [text, rule] of cases) {
    it(`is told for "${text}" with its line and what to write instead`, () => {
      const findings = audit(site(text));
      assert.deepEqual(short(findings), [`${rule} 4`]);
      assert.ok(findings[0]?.fix !== '' && findings[0]?.level === 'warning');
    });
  }

  it('is told once for a line that holds for many locations, and not where nearer lines are right', () => {
    const locations = 'location /a { proxy_pass http://shop; } location /b { proxy_pass http://shop; }';
    const text = (inside: string): string =>
      `http { proxy_next_upstream off;\nserver { ${good} ${locations} location /c { ${inside} proxy_pass http://shop; } } }`;
    assert.deepEqual(short(audit(text(''))), ['next-upstream-off 1']);
    const right = text('').replaceAll('proxy_pass', 'proxy_next_upstream error; proxy_pass');
    assert.deepEqual(audit(right), []);
  });

  it('is not told of a location that goes elsewhere', () => {
    assert.deepEqual(
      audit(
        `${site('')}`.replace(
          '} } }',
          '} location /x { proxy_next_upstream off; proxy_pass http://else; } } }',
        ),
      ),
      [],
    );
  });

  it('knows what nginx does by itself from 1.29.7, and what it has from 1.27.4', () => {
    const bare = 'http { server { location / { proxy_pass http://shop; } } }';
    assert.deepEqual(short(audit(bare)), ['http-1.0 1', 'connection-close 1']);
    assert.deepEqual(short(audit(bare, {}, '1.29.6')), [
      'keepalive-min-timeout 1',
      'http-1.0 1',
      'connection-close 1',
    ]);
    const levels = (mode: 'gate' | 'reload'): readonly string[] =>
      audit(site(''), { mode }, '1.27.4').map(({ rule, level }) => `${rule} ${level}`);
    assert.deepEqual(levels('gate'), ['keepalive-min-timeout note']);
    assert.deepEqual(levels('reload'), ['keepalive-min-timeout warning']);
    assert.deepEqual(audit(site('keepalive_min_timeout 5s;'), {}, '1.27.4'), []);
  });

  it('compares times with the deadlines of the service', () => {
    const conf = `worker_shutdown_timeout 20s;\n${site('proxy_read_timeout 25s;')}`;
    assert.deepEqual(short(audit(conf)), ['worker-shutdown-timeout 1', 'read-timeout 5']);
    assert.deepEqual(audit(conf, { timeoutGracefulShutdownMs: 20_000 }), []);
    assert.deepEqual(short(audit(site(''), { timeoutGracefulShutdownMs: 90_000 })), ['read-timeout 5']);
  });

  it('is told of the whole nginx: reuseport where the kernel does not move connections, Lua without its cache', () => {
    const conf = site('')
      .replace('listen 80;', 'listen 80 reuseport;')
      .replace('http {', 'http { lua_code_cache off;');
    assert.deepEqual(short(audit(conf)), ['reuseport 1', 'lua-code-cache 1'].toSorted().toReversed());
    const whole = conf.replace('location / {', 'location / { proxy_buffering off;');
    assert.deepEqual(short(audit(whole, { migratesRequests: true, mode: 'reload' })), []);
  });

  it('is told of buffered answers where a reload of this nginx may cut them', () => {
    const told = (version: string, more: Partial<AuditInput> = { mode: 'reload' }): readonly string[] =>
      audit(site(''), more, version).map(({ rule }) => rule);
    assert.deepEqual(told('1.22.1'), ['buffered-answers']);
    assert.deepEqual(told('1.17.4'), []);
    assert.deepEqual(told('1.23.1'), []);
    assert.deepEqual(told('1.22.1', { mode: 'gate' }), []);
  });
});

describe('what reaches a node past the service', () => {
  const upstream = (servers: string): string =>
    `${site('')}\nhttp { upstream old {\n${servers}\n} server { location / { proxy_pass http://old; } } }`;

  it('is a proxy_pass to its address, by name or by number', () => {
    assert.deepEqual(short(audit(`${site('')}\n${site('', 'http://localhost:8001')}`)), ['bypass 11']);
    assert.deepEqual(audit(`${site('')}\n${site('', 'http://127.0.0.1:9999')}`), []);
  });

  it('is another upstream with its address, with what that one does wrong besides', () => {
    const zone = 'zone z 64k;';
    assert.deepEqual(short(audit(upstream(`${zone} server 127.0.0.1:8001;`))), ['bypass 8']);
    assert.deepEqual(short(audit(upstream('server 127.0.0.1:8001;'))), ['missing-zone 7', 'bypass 8']);
    assert.deepEqual(
      short(audit(upstream(`${zone} server 127.0.0.1:8001 max_fails=0;\nserver 10.0.0.9:1;`))),
      ['bypass 8', 'max-fails 8'],
    );
    assert.deepEqual(short(audit(upstream(`${zone} server 127.0.0.1:8001;\nserver 10.0.0.9:1;`))), [
      'bypass 8',
      'fail-timeout 8',
    ]);
    assert.deepEqual(short(audit(upstream(`${zone} server 127.0.0.1:8001;\nkeepalive 8;`))), [
      'bypass 8',
      'keepalive-timeout 9',
    ]);
    assert.deepEqual(
      short(audit(upstream(`${zone} server 127.0.0.1:8001;\nkeepalive 8; keepalive_timeout 4s;`))),
      ['bypass 8'],
    );
    assert.deepEqual(
      short(audit(upstream(`${zone} server 127.0.0.1:8002;\nkeepalive 8;`))),
      ['bypass 8'],
      'its time is not known',
    );
  });

  it('is not an upstream that nothing sends to, unless something cannot be followed', () => {
    const unused = `${site('')}\nhttp { upstream old { zone z 64k; server 127.0.0.1:8001; } }`;
    assert.deepEqual(audit(unused), []);
    assert.deepEqual(short(audit(`${unused}\n${site('', 'http://$host')}`)), ['bypass 7', 'not-followed 12']);
  });

  it('is also a TCP proxy', () => {
    assert.deepEqual(
      short(audit(`${site('')}\nstream { server { listen 1; proxy_pass 127.0.0.1:8002; } }`)),
      ['bypass 7'],
    );
  });

  it('is everything where no proxy_pass goes to the service', () => {
    assert.deepEqual(short(audit('events {}\nhttp { server { location / { return 200; } } }')), [
      'not-used 2',
    ]);
  });
});

/** `lameduck check` of a real nginx with these files; `@` in them is the folder. */
async function check(
  files: Readonly<Record<string, string>>,
  more: Partial<NginxEdgeOptions> = {},
): Promise<EdgeCheck & { readonly folder: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'lameduck-audit-'));
  try {
    mkdirSync(join(folder, 'sites'));
    for (const [name, text] of Object.entries(files))
      writeFileSync(join(folder, name), text.replaceAll('@', folder));
    const nodes = [8001, 8002].map((port) => ({
      name: `n${port}`,
      weight: 1,
      address: { kind: 'tcp', host: '127.0.0.1', port } as const,
    }));
    const options = {
      ...{ kind: 'attached', name: 'main', service: 'shop', mode: 'gate', nginx: nginxBinary },
      ...{
        conf: join(folder, 'nginx.conf'),
        include: join(folder, 'lameduck-shop.conf'),
        directory: join(folder, 'edge'),
      },
      ...{ nodes, balance: { type: 'round_robin' }, quiesceTimeoutMs: 1000, environment: process.env },
      logger: pino({ level: 'silent' }),
      ...more,
    } as NginxEdgeOptions;
    const keepAliveMs = new Map(nodes.map(({ name }) => [name, 5000]));
    const found = await checkNginxEdge(options, { timeoutGracefulShutdownMs: 30_000, keepAliveMs });
    for (const [name, text] of Object.entries(files)) {
      assert.equal(
        readFileSync(join(folder, name), 'utf8'),
        text.replaceAll('@', folder),
        `${name} is not ours to write`,
      );
    }
    assert.throws(
      () => readFileSync(join(folder, 'lameduck-shop.conf')),
      { code: 'ENOENT' },
      'a check leaves nothing',
    );
    return { ...found, folder };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const main = (http: string): string => `${luaModules}
pid @/nginx.pid;
error_log @/error.log;
events {}
http {
access_log off;
client_body_temp_path @/t1; proxy_temp_path @/t2; fastcgi_temp_path @/t3; uwsgi_temp_path @/t4; scgi_temp_path @/t5;
include lameduck-*.conf;
${http}
}
`;

describe('a real nginx that is checked', () => {
  it('with a right configuration has no findings, through globs, quotes, Lua blocks and variables', async () => {
    const found = await check({
      'nginx.conf': main('map $host $pool { default "shop"; }\ninclude "@/sites/*.conf";'),
      'sites/one.conf': `server {
        listen 127.0.0.1:18099;
        include @/proxy_params;
        set $up 'sh';
        set_by_lua_block $shop { local t = { "}", [[ { ]] } -- }
          return "shop" }
        location / { proxy_pass http://$pool$request_uri; }
        location ~ "^/[a-z]{2,3}/" { set $up "shop"; proxy_pass http://\${up}; }
        location = /x { access_by_lua_block { if ngx.var.arg_x == "}" then ngx.exit(403) end } proxy_pass http://shop; }
      }`,
      proxy_params:
        'proxy_http_version 1.1;\nproxy_set_header Connection "";\nproxy_set_header X-Odd "a;{b}#\\"";\n',
    });
    assert.deepEqual(found.findings, []);
    assert.deepEqual([found.mode, found.attached?.pid, found.attached?.files.length], ['gate', undefined, 4]);
  });

  it('with everything wrong has each of it named, with file and line', async () => {
    const found = await check({
      'nginx.conf': main(`proxy_request_buffering off;
upstream old {
server localhost:8001 max_fails=0;
server 127.0.0.1:8002 fail_timeout=30s;
keepalive 8; }
include sites/*;`).replace('events', 'worker_shutdown_timeout 5s;\nevents'),
      'sites/shop': `server {
listen 127.0.0.1:18099 reuseport;
set $up shop;
lua_code_cache off;
proxy_next_upstream error non_idempotent;
location /a { proxy_pass http://$up; }
location /b { proxy_next_upstream off; proxy_read_timeout 2s; ${good} proxy_pass http://shop; }
location /c { proxy_next_upstream http_503; ${good} proxy_pass http://shop; }
location /d { proxy_next_upstream_tries 1; ${good} proxy_pass http://shop; }
location /e { proxy_pass http://$http_x; }
location /f { proxy_pass http://127.0.0.1:8002; }
location /g { proxy_pass http://old; }
}
`,
    });
    const lines = found.findings.map(
      ({ rule, file, line }) => `${file.replace(found.folder, '')}:${line} ${rule}`,
    );
    const offset = luaModules.split('\n').length;
    assert.deepEqual(lines, [
      `/nginx.conf:${offset + 3} worker-shutdown-timeout`,
      `/nginx.conf:${offset + 9} unbuffered-upload`,
      `/nginx.conf:${offset + 10} missing-zone`,
      `/nginx.conf:${offset + 11} bypass`,
      `/nginx.conf:${offset + 11} max-fails`,
      `/nginx.conf:${offset + 12} bypass`,
      `/nginx.conf:${offset + 12} fail-timeout`,
      `/nginx.conf:${offset + 13} keepalive-timeout`,
      ...['/sites/shop:2 reuseport', '/sites/shop:4 lua-code-cache', '/sites/shop:5 non-idempotent'],
      ...['/sites/shop:6 http-1.0', '/sites/shop:6 connection-close'],
      ...[
        '/sites/shop:7 next-upstream-off',
        '/sites/shop:7 read-timeout',
        '/sites/shop:8 next-upstream-no-error',
      ],
      ...['/sites/shop:9 next-upstream-tries', '/sites/shop:10 not-followed', '/sites/shop:11 bypass'],
    ]);
    assert.equal(found.attached?.workerShutdownTimeout, '5s');
  });

  it('in gate mode with a hash key that nginx does not know is refused, with a known one taken', async () => {
    const files = { 'nginx.conf': main(`server { ${good} location / { proxy_pass http://shop; } }`) };
    const balance = (key: string) => ({ balance: { type: 'hash', key } as const });
    await assert.rejects(check(files, balance('$nosuchvar')), {
      code: 'edgeRejected',
      message: /unknown "nosuchvar" variable/,
    });
    assert.equal((await check(files, balance('$uri'))).mode, 'gate');
    assert.equal((await check(files, balance('$http_x-$arg_id:1'))).mode, 'gate');
  });

  it('without our include is refused with the line where it is missing', async () => {
    const files = { 'nginx.conf': main('').replace('include lameduck-*.conf;', '') };
    const line = luaModules.split('\n').length + 4;
    await assert.rejects(check(files), {
      code: 'config',
      message: new RegExp(`below .*nginx\\.conf:${line}: current value is not included`),
    });
  });
});
