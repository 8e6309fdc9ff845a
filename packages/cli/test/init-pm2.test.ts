import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { check, handler, nginxConf, type Written, written } from './support/init-results.ts';
import { CommandFolder } from './support/run-command.ts';

const ecosystem = `console.log('noise'); setInterval(() => {}, 1000);
module.exports = { apps: [
  { name: 'Shop API', script: 'src/server.mjs', instances: 3, exec_mode: 'cluster', kill_timeout: 4000, wait_ready: true,
    listen_timeout: 9000, max_memory_restart: '300M', env: { PORT: 18101, MODE: 'x', 'bad name': 1 }, env_production: {}, watch: true, after() {} },
  { name: 'jobs', script: 'jobs.py', interpreter: 'python3', args: ['--all'], cwd: 'py' },
] };
`;

describe('lameduck init --pm2', { concurrency: 3 }, () => {
  it('makes an app node of the app with its workers, environment and deadlines, which check accepts', async (test) => {
    const folder = new CommandFolder(test, { 'ecosystem.config.js': ecosystem, 'src/server.mjs': handler });
    const { code, stderr } = await folder.run(['init', '--pm2', 'ecosystem.config.js']);
    assert.equal(code, 0, stderr);
    const { service, nodes, shutdown, startup } = written(folder);
    assert.deepEqual(
      [service, shutdown, startup],
      ['shop-api', { timeoutGracefulShutdown: '4s' }, { timeout: '9s' }],
    );
    const env = { LAMEDUCK_WAIT_READY: 'true', LAMEDUCK_MAX_MEMORY: '300MB', PORT: '18101', MODE: 'x' };
    assert.deepEqual(nodes, [
      { name: 'a', address: '127.0.0.1:18101', env, app: { entry: './src/server.mjs', workers: 3 } },
    ]);
    for (const one of [
      /env bad name/,
      /env_production/,
      /watch/,
      /app "jobs": another program/,
      /One node: minAvailable is 0/,
    ]) {
      assert.match(stderr, one);
    }
    await check(folder);
  });

  it('writes an environment for its owner only, also over a file for everybody', async (test) => {
    const app = (env: object): string => JSON.stringify({ apps: [{ script: './app.mjs', env }] });
    const folder = new CommandFolder(test, { 'pm2.json': app({ PASSWORD: 'x' }), 'bare.json': app({}) });
    const mode = (): number => statSync(join(folder.path, 'lameduck.yaml')).mode & 0o777;
    assert.equal((await folder.run(['init', '--pm2', 'bare.json'])).code, 0);
    assert.equal(mode(), 0o666 & ~process.umask(), 'without an environment the umask decides');
    const { code, stderr } = await folder.run(['init', '--pm2', 'pm2.json', '--force']);
    assert.equal(code, 0, stderr);
    assert.equal(mode(), 0o600);
    assert.match(stderr, /may hold passwords; keep the file for its owner only/);
  });

  it('runs the nodes as the same user, with the same log, and says what of it does not fit', async (test) => {
    const app = {
      ...{ script: './app.mjs', cwd: 'src', uid: 'www-data', gid: 33, user: 'other', autorestart: false },
      ...{ out_file: '../logs/out.log', error_file: '/var/log/shop/error.log', merge_logs: true },
    };
    const folder = new CommandFolder(test, { 'pm2.json': JSON.stringify({ apps: [app] }) });
    const { code, stderr } = await folder.run(['init', '--pm2', 'pm2.json']);
    assert.equal(code, 0, stderr);
    const [node] = written(folder).nodes;
    assert.deepEqual(
      [node?.['user'], node?.['group'], node?.['log']],
      ['www-data', '33', { file: 'logs/out.log' }],
    );
    for (const one of [
      /app "app" user: one user name or number is taken, of uid or user/,
      /app "app" error_file: a node has one log for both streams, log\.file/,
      /app "app" autorestart: a node that dies is always started again/,
    ])
      assert.match(stderr, one);
    assert.doesNotMatch(stderr, /user of lameduck up| (uid|gid|out_file):/);
  });

  it('takes the log for both streams first, an absolute one as it is, and none that is no file', async (test) => {
    const app = { script: './app.mjs', out_file: '/dev/null', log_file: '/var/log/shop.log', uid: {} };
    const folder = new CommandFolder(test, {
      'both.json': JSON.stringify({ apps: [app] }),
      'none.json': JSON.stringify({ apps: [{ ...app, log_file: 'NULL' }] }),
    });
    const both = await folder.run(['init', '--pm2', 'both.json', '-o', '-']);
    const [node] = (parse(both.stdout) as Written).nodes;
    assert.deepEqual([node?.['log'], node?.['user']], [{ file: '/var/log/shop.log' }, undefined]);
    assert.match(both.stderr, /uid: must be a user name or number/);
    const none = await folder.run(['init', '--pm2', 'none.json', '-o', '-']);
    assert.equal((parse(none.stdout) as Written).nodes[0]?.['log'], undefined);
  });

  it('takes another app by name: a program that is none of Node becomes a process', async (test) => {
    const folder = new CommandFolder(test, { 'ecosystem.config.js': ecosystem });
    assert.equal((await folder.run(['init', '--pm2', 'ecosystem.config.js', '--app', 'jobs'])).code, 0);
    const [node] = written(folder).nodes;
    assert.deepEqual(
      [node?.['process'], node?.['directory']],
      [{ start: ['python3', 'jobs.py', '--all'] }, 'py'],
    );
    const wrong = await folder.run(['init', '--pm2', 'ecosystem.config.js', '--app', 'none', '-o', '-']);
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /one of Shop API, jobs is wanted/);
  });

  it('reads JSON and YAML, and makes a node of each instance that has a port of its own', async (test) => {
    const app = { script: './app.mjs', instances: 2, increment_var: 'PORT', env: { PORT: 18100 } };
    const folder = new CommandFolder(test, {
      'pm2.json': JSON.stringify({ apps: [app] }),
      'pm2.yaml': 'script: app.mjs\n',
    });
    const many = parse((await folder.run(['init', '--pm2', 'pm2.json', '-o', '-'])).stdout) as Written;
    assert.deepEqual(
      many.nodes.map(({ address }) => address),
      ['127.0.0.1:18100', '127.0.0.1:18101'],
    );
    const one = parse((await folder.run(['init', '--pm2', 'pm2.yaml', '-o', '-'])).stdout) as Written;
    assert.deepEqual(one.nodes[0]?.['app'], { entry: './app.mjs', workers: 1 });
  });

  it('gives the nodes of an nginx its apps: that of the port, else the first', async (test) => {
    const folder = new CommandFolder(test, { 'ecosystem.config.js': ecosystem });
    folder.write(
      'nginx.conf',
      nginxConf(folder.path, 'upstream x { server 127.0.0.1:18101; server 127.0.0.1:18102; }'),
    );
    await folder.run(['init', '--pm2', 'ecosystem.config.js', '--nginx', 'nginx.conf']);
    assert.deepEqual(
      written(folder).nodes.map(({ name, address, env }) => [name, address, (env as { PORT: string }).PORT]),
      [
        ['a', '127.0.0.1:18101', '18101'],
        ['b', '127.0.0.1:18102', '18102'],
      ],
    );
  });

  const odd: readonly [name: string, file: string, text: string, wanted: RegExp][] = [
    ['throws', 'e.config.js', 'throw new Error("no secrets today")', /no secrets today/],
    ['ends the process', 'e.config.js', 'process.exit(0)', /must be able to evaluate it/],
    ['never ends', 'e.config.js', 'for (;;) {}', /no end within 10 s/],
    ['has no app', 'e.json', '{"apps":[{"name":"x"}]}', /an app with a script must stand in it/],
    ['is null', 'e.json', 'null', /an app with a script must stand in it/],
    ['is no JSON', 'e.json', '{"apps": [', /e\.json:1:\d+/],
    ['is a text', 'e.config.js', 'module.exports = "apps"', /an app with a script must stand in it/],
    ['is not there', 'e.config.js', '', /must stand in it|readable file/],
  ];
  for (const [name, file, text, wanted] of odd) {
    it(`with a file that ${name} fails with one message and exit code 78`, async (test) => {
      const folder = new CommandFolder(test, text === '' ? {} : { [file]: text });
      const { code, stderr } = await folder.run(['init', '--pm2', file]);
      assert.equal(code, 78, stderr);
      assert.match(stderr, wanted);
      assert.throws(() => folder.read('lameduck.yaml'));
    });
  }
});
