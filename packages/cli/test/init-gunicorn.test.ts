import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { type Written, written } from './support/init-results.ts';
import { CommandFolder } from './support/run-command.ts';

const gunicornConf = `import multiprocessing, os, subprocess
print("noise")
bind = ["0.0.0.0:18201", "unix:/x.sock"]
workers = 1 + 2
worker_class = "uvicorn.workers.UvicornWorker"
graceful_timeout = 20
keepalive = 30
raw_env = ["COLOUR=a=b", "bad name=1"]
chdir = "app"
daemon = True
secure_scheme_headers = {"X": os}
def on_starting(server): pass
`;

describe('lameduck init --gunicorn', { concurrency: 3 }, () => {
  it('makes a gunicorn node that still reads the file, and tells what works against lameduck', async (test) => {
    const folder = new CommandFolder(test, {
      'gunicorn.conf.py': gunicornConf,
      'app/main.py': 'async def app(a, b, c): ...\n',
    });
    const { code, stderr } = await folder.run(['init', '--gunicorn', 'gunicorn.conf.py']);
    assert.equal(code, 0, stderr);
    const { nodes, shutdown, health } = written(folder);
    const gunicorn = {
      ...{ app: 'main:app', workers: 3, workerClass: 'uvicorn.workers.UvicornWorker' },
      arguments: ['--config', 'gunicorn.conf.py', '--keep-alive', '30'],
    };
    assert.deepEqual(nodes, [{ name: 'a', address: '127.0.0.1:18201', env: { COLOUR: 'a=b' }, gunicorn }]);
    assert.equal(
      statSync(join(folder.path, 'lameduck.yaml')).mode & 0o777,
      0o600,
      'raw_env may hold passwords',
    );
    assert.deepEqual([shutdown, health], [{ timeoutGracefulShutdown: '20s' }, { path: '/healthz' }]);
    for (const one of [
      /bind unix:\/x\.sock/,
      /becomes 127\.0\.0\.1:18201/,
      /daemon: remove it/,
      /raw_env bad name/,
      /GET \/healthz/,
    ]) {
      assert.match(stderr, one);
    }
  });

  it("keeps Gunicorn's own default worker, and takes the application from --app or wsgi_app", async (test) => {
    const folder = new CommandFolder(test, { 'g.py': 'threads = 4\n', 'w.py': 'wsgi_app = "shop.wsgi"\n' });
    const first = parse(
      (await folder.run(['init', '--gunicorn', 'g.py', '--app', 'shop:create()', '-o', '-'])).stdout,
    ) as Written;
    assert.deepEqual(first.nodes[0]?.['gunicorn'], {
      app: 'shop:create()',
      workers: 1,
      workerClass: 'gthread',
      arguments: ['--config', 'g.py'],
    });
    const second = parse((await folder.run(['init', '--gunicorn', 'w.py', '-o', '-'])).stdout) as Written;
    assert.deepEqual(second.nodes[0]?.['gunicorn'], {
      app: 'shop.wsgi:application',
      workers: 1,
      workerClass: 'sync',
      arguments: ['--config', 'w.py'],
    });
    assert.equal((await folder.run(['init', '--gunicorn', 'g.py', '--app', 'no name', '-o', '-'])).code, 2);
  });

  const odd: readonly [name: string, text: string, wanted: RegExp | undefined][] = [
    ['throws', 'raise RuntimeError("no secrets today")', /RuntimeError: no secrets today/],
    ['is no Python', 'this is {', /SyntaxError|must be able to evaluate it/],
    ['ends the process', 'import os; os._exit(0)', /must be able to evaluate it/],
    [
      'holds values of wrong types',
      'bind = 5\nworkers = "many"\nworker_class = object\nraw_env = 7\nchdir = None\ngraceful_timeout = float("nan")\nkeepalive = []',
      undefined,
    ],
  ];
  for (const [name, text, wanted] of odd) {
    it(`with a file that ${name} ${wanted === undefined ? 'still gives a configuration' : 'fails with one message'}`, async (test) => {
      const folder = new CommandFolder(test, { 'gunicorn.conf.py': text });
      const { code, stderr } = await folder.run(['init', '--gunicorn', 'gunicorn.conf.py']);
      assert.equal(code, wanted === undefined ? 0 : 78, stderr);
      if (wanted !== undefined) assert.match(stderr, wanted);
      else assert.equal(written(folder).nodes[0]?.['address'], '127.0.0.1:8000');
    });
  }
});
