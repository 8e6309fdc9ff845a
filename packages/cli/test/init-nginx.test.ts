import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { check, nginxConf, type Written, written } from './support/init-results.ts';
import { CommandFolder } from './support/run-command.ts';

const shop = `upstream shop_api {
  least_conn;
  zone shop 64k;
  server 127.0.0.1:18001 weight=3 max_fails=2;
  server localhost:18002;
  server 127.0.0.1:18003 backup;
  server 127.0.0.1:18004 down;
  server 10.255.255.1:18005;
  keepalive 8; sticky cookie x;
}`;

const nobody = 65_534;
/** Only root can become somebody else, and only where that one may run this Node. */
const canBeNobody =
  process.getuid?.() === 0 &&
  spawnSync(process.execPath, ['--version'], { uid: nobody, cwd: '/' }).status === 0;

describe('lameduck init --nginx', { concurrency: 3 }, () => {
  it('makes nodes of the servers and an edge of nginx, and tells what it leaves out and why', async (test) => {
    const folder = new CommandFolder(test);
    folder.write('nginx.conf', nginxConf(folder.path, `include conf.d/*.conf;`));
    folder.write('conf.d/shop.conf', shop);
    const { code, stderr } = await folder.run(['init', '--nginx', 'nginx.conf']);
    assert.equal(code, 0, stderr);
    const { service, edges, nodes, balance } = written(folder);
    assert.deepEqual([service, balance], ['shop-api', 'least_conn']);
    const include = join(folder.path, 'conf.d/lameduck-shop-api.conf');
    assert.deepEqual(edges, [{ name: 'main', attach: { conf: join(folder.path, 'nginx.conf'), include } }]);
    assert.deepEqual(
      nodes.map(({ name, address, weight }) => [name, address, weight]),
      [
        ['a', '127.0.0.1:18001', 3],
        ['b', '127.0.0.1:18002', undefined],
      ],
    );
    const told = [
      /shop\.conf:4 max_fails=2/,
      /18003 backup: left out/,
      /18004 down: left out/,
      /10\.255\.255\.1:18005: on another host/,
    ];
    for (const one of [
      ...told,
      /shop\.conf:9 sticky cookie x: no counterpart/,
      /does not tell how they are started/,
    ]) {
      assert.match(stderr, one);
    }
    assert.match(stderr, /write "proxy_pass http:\/\/shop-api;" where it says shop_api/);
  });

  it('names no file of somebody else as its own', async (test) => {
    const folder = new CommandFolder(test);
    folder.write('nginx.conf', nginxConf(folder.path, `include conf.d/*.conf;\n${shop}`));
    folder.write('conf.d/lameduck-shop-api.conf', '# a text of mine\n');
    folder.write('conf.d/lameduck-shop-api-2.conf', '# Written by lameduck for service "blog".\n');
    folder.write('conf.d/lameduck-shop-api-3.conf', '# Written by lameduck for service "shop-api".\n');
    assert.equal((await folder.run(['init', '--nginx', 'nginx.conf'])).code, 0);
    const [edge] = written(folder).edges;
    assert.equal(edge?.attach?.include, join(folder.path, 'conf.d/lameduck-shop-api-3.conf'));
  });

  it('takes a hash over as it is, consistent or not', async (test) => {
    for (const balance of ['hash $cookie_Shop', 'hash $host$uri consistent']) {
      const folder = new CommandFolder(test);
      folder.write('nginx.conf', nginxConf(folder.path, shop.replace('least_conn', balance)));
      assert.equal((await folder.run(['init', '--nginx', 'nginx.conf'])).code, 0);
      assert.equal(written(folder).balance, balance);
    }
  });

  it('gives a configuration that check accepts, with or without a pattern that includes our file', async (test) => {
    const folder = new CommandFolder(test);
    const plain = shop.replace(/ {2}sticky.*;|; sticky cookie x;/, ';').replace('shop_api', 'shop');
    folder.write(
      'nginx.conf',
      nginxConf(folder.path, `include more/*;\n${plain}\nserver { location / { proxy_pass http://shop; } }`),
    );
    folder.write('more/a.conf', '');
    assert.equal((await folder.run(['init', '--nginx', 'nginx.conf'])).code, 0);
    assert.equal(written(folder).service, 'shop-lameduck', 'nginx takes no second upstream of one name');
    const texts = (await check(folder)).map(({ text }) => text).join('\n');
    assert.match(texts, /attached to .*nginx\.conf/);
    assert.match(texts, /upstream "shop" sends to node "a" past lameduck/);
    folder.write('nginx.conf', nginxConf(folder.path, plain));
    const bare = await folder.run(['init', '--nginx', 'nginx.conf', '--force']);
    assert.match(
      bare.stderr,
      /1\. write "include .*\/lameduck\/\*\.conf;" into the http block, below .*nginx\.conf:3/,
    );
    const refused = await folder.run(['check']);
    assert.equal(refused.code, 78);
    assert.match(refused.stdout, /must say "include .*" in its http block, below .*nginx\.conf:3/);
  });

  it('takes the command line of a server that runs on the address of a node', async (test) => {
    const script = `require('node:http').createServer((_, answer) => answer.end('ok')).listen(0, '127.0.0.1', function () { console.log(this.address().port) })`;
    const folder = new CommandFolder(test, { 'run/server.cjs': script });
    const server = spawn(process.execPath, ['server.cjs', 'a b'], { cwd: join(folder.path, 'run') });
    test.after(async () => {
      const ended = once(server, 'exit');
      server.kill();
      await ended;
    });
    const [port] = await once(server.stdout.setEncoding('utf8'), 'data');
    folder.write('nginx.conf', `http { upstream x { server 127.0.0.1:${String(port).trim()}; } }`);
    const { stderr } = await folder.run(['init', '--nginx', 'nginx.conf']);
    const [node] = written(folder).nodes;
    assert.deepEqual(
      [node?.['directory'], node?.['process']],
      ['run', { start: [process.execPath, 'server.cjs', 'a b'] }],
    );
    assert.match(
      stderr,
      new RegExp(`command line of process ${server.pid}, .* its environment is not known`),
    );
    assert.match(stderr, /stop what listens on the addresses of the nodes now/);
  });

  it('does not take the command line of a server of another user, and says why', {
    skip: !canBeNobody,
  }, async (test) => {
    const script = `require('node:http').createServer().listen(0, '127.0.0.1', function () { console.log(this.address().port) })`;
    const server = spawn(process.execPath, ['-e', script, 'evil'], { cwd: '/', uid: nobody, gid: nobody });
    test.after(async () => {
      const ended = once(server, 'exit');
      server.kill();
      await ended;
    });
    const [port] = await once(server.stdout.setEncoding('utf8'), 'data');
    const text = `http { upstream x { server 127.0.0.1:${String(port).trim()}; } }`;
    const folder = new CommandFolder(test, { 'nginx.conf': text });
    const { code, stderr } = await folder.run(['init', '--nginx', 'nginx.conf']);
    assert.equal(code, 0, stderr);
    assert.doesNotMatch(folder.read('lameduck.yaml'), /evil/);
    const [node] = written(folder).nodes;
    assert.match(JSON.stringify(node?.['process']), /say in lameduck\.yaml how node a is started/);
    const why = `node a: process ${server.pid}, which listens there now, is of uid ${nobody}, neither root nor us`;
    assert.ok(stderr.includes(why), stderr);
    assert.match(stderr, /stop what listens on the addresses of the nodes now/);
  });

  it('asks which upstream where there are several, and takes a lone proxy_pass where there is none', async (test) => {
    const folder = new CommandFolder(test);
    folder.write(
      'nginx.conf',
      'http { upstream a { server 127.0.0.1:1; } upstream b { server 127.0.0.1:2; } }',
    );
    const several = await folder.run(['init', '--nginx', 'nginx.conf', '-o', '-']);
    assert.equal(several.code, 2);
    assert.match(several.stderr, /--upstream with one of a, b is wanted/);
    assert.equal((await folder.run(['init', '--nginx', 'nginx.conf', '--upstream', 'c', '-o', '-'])).code, 2);
    const one = await folder.run(['init', '--nginx', 'nginx.conf', '--upstream', 'b', '-o', '-']);
    assert.equal((parse(one.stdout) as Written).nodes[0]?.['address'], '127.0.0.1:2');
    folder.write('nginx.conf', 'http { server { location / { proxy_pass http://127.0.0.1:3000; } } }');
    const direct = await folder.run(['init', '--nginx', 'nginx.conf', '-o', '-']);
    assert.equal((parse(direct.stdout) as Written).nodes[0]?.['address'], '127.0.0.1:3000');
    const line = (file: number, now: string, before: string): string =>
      `in ${folder.path}/nginx.conf:${file} write "proxy_pass ${now};" instead of "proxy_pass ${before};"`;
    assert.ok(direct.stderr.includes(line(1, 'http://app', 'http://127.0.0.1:3000')), direct.stderr);
    assert.doesNotMatch(direct.stderr, /where it says/);
    folder.write(
      'nginx.conf',
      'http { server {\nlocation /a { proxy_pass http://127.0.0.1:3000/api/; }\nlocation /b { proxy_pass http://127.0.0.1:3000; } } }',
    );
    const paths = await folder.run(['init', '--nginx', 'nginx.conf', '-o', '-']);
    const both = `${line(2, 'http://app/api/', 'http://127.0.0.1:3000/api/')}, ${line(3, 'http://app', 'http://127.0.0.1:3000')}, and reload nginx`;
    assert.ok(paths.stderr.includes(both), paths.stderr);
  });

  for (const [name, text] of [
    ['no http block', 'events {}'],
    ['nothing to send to', 'http {}'],
    ['no usable server', 'http { upstream a { server unix:/x\\ y; } }'],
    ['servers of other hosts only', 'http { upstream a { server 10.255.255.1:80; } }'],
    ['noise', '}}{{"\\'],
    ['nothing at all', undefined],
  ] as const) {
    it(`with ${name} in the file fails with one message and exit code 78`, async (test) => {
      const folder = new CommandFolder(test, text === undefined ? {} : { 'nginx.conf': text });
      const { code, stderr } = await folder.run(['init', '--nginx', 'nginx.conf']);
      assert.equal(code, 78, stderr);
      assert.match(stderr, /^lameduck: Cannot (use|read) [^\n]*\n$/);
      assert.throws(() => folder.read('lameduck.yaml'));
    });
  }
});
