import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { pino } from 'pino';
import { confOf, listMasters, parseTitle } from '../../src/adapters/nginx/attached-master.ts';
import { checkNginxEdge } from '../../src/adapters/nginx/check-edge.ts';
import { createNginxEdge } from '../../src/adapters/nginx/edge.ts';
import { stopManaged } from '../../src/adapters/nginx/managed.ts';
import { findMaster } from '../../src/adapters/nginx/master.ts';
import type { NginxEdgeOptions } from '../../src/adapters/nginx/options.ts';
import {
  type Backend,
  freePort,
  ignore,
  makeBench,
  nginxBinary,
  send,
  soon,
  startBackend,
  until,
} from './harness.ts';

const run = promisify(execFile);
const expectations = { timeoutGracefulShutdownMs: 30_000, keepAliveMs: new Map<string, number>() };

describe('how the running nginx was started', () => {
  it('is read from the title of its master, also where values hold spaces', () => {
    const title =
      'nginx: master process /usr/sbin/nginx -p /srv/a b -c conf/nginx.conf -g daemon on; master_process on; -e stderr';
    assert.deepEqual(parseTitle(title), {
      p: '/srv/a b',
      c: 'conf/nginx.conf',
      g: 'daemon on; master_process on;',
      e: 'stderr',
    });
    assert.deepEqual(parseTitle('nginx: master process nginx -p/srv -t'), { p: '/srv' });
    assert.deepEqual(parseTitle('nginx: master process nginx -c /n.conf -l unix:/run/api.sock -g pid /p;'), {
      c: '/n.conf',
      l: 'unix:/run/api.sock',
      g: 'pid /p;',
    });
    assert.deepEqual(parseTitle('nginx: master process nginx -p /srv -l127.0.0.1:8080'), {
      p: '/srv',
      l: '127.0.0.1:8080',
    });
    assert.deepEqual(parseTitle('nginx: master process nginx'), {});
  });

  it('tells which configuration file it has read', () => {
    const master = {
      identity: { pid: 1, startTime: 1 },
      binary: undefined,
      errorLog: undefined,
      globals: undefined,
    };
    assert.equal(confOf({ ...master, prefix: '/p', conf: 'c/n.conf' }, undefined), '/p/c/n.conf');
    assert.equal(confOf({ ...master, prefix: undefined, conf: '/n.conf' }, undefined), '/n.conf');
    assert.equal(confOf({ ...master, prefix: '/p', conf: undefined }, undefined), undefined);
  });
});

interface Place {
  readonly folder: string;
  readonly options: NginxEdgeOptions;
  readonly port: number;
  readonly backend: Backend;
  readonly pidFile: string;
}

const places: Place[] = [];
after(async () => {
  for (const { pidFile, backend, folder } of places) {
    const master = findMaster(pidFile);
    if (master !== undefined) await stopManaged(master, AbortSignal.timeout(1_000));
    await backend.close();
    rmSync(folder, { recursive: true, force: true });
  }
});

/** An nginx whose paths are all relative to `-p PREFIX`, with a pid file that only `-g` names. */
async function prefixed(more: Partial<NginxEdgeOptions> = {}): Promise<Place> {
  const folder = mkdtempSync(join(tmpdir(), 'lameduck-prefix-'));
  const backend = await startBackend('a');
  const port = await freePort();
  for (const name of ['conf/shop', 'logs']) mkdirSync(join(folder, name), { recursive: true });
  writeFileSync(
    join(folder, 'conf/nginx.conf'),
    `${process.getuid?.() === 0 ? 'user root;' : ''}
    error_log logs/own.log; worker_processes 1; events { worker_connections 64; }
    http {
      access_log off; include shop/*.conf;
      client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
      server { listen 127.0.0.1:${port}; location / { proxy_pass http://shop; proxy_buffering off; proxy_http_version 1.1; proxy_set_header Connection ""; } }
    }\n`,
  );
  const include = join(folder, 'conf/shop/shop.conf');
  writeFileSync(
    include,
    '# Written by lameduck for service "shop".\nupstream shop { server 127.0.0.1:1; }\n',
  );
  const options = {
    ...{ kind: 'attached', name: 'main', service: 'shop', mode: 'reload', nginx: nginxBinary },
    ...{
      conf: join(folder, 'conf/nginx.conf'),
      include,
      directory: join(folder, 'edge'),
      nodes: [backend.node],
    },
    ...{ balance: { type: 'round_robin' }, quiesceTimeoutMs: 15_000, environment: process.env },
    logger: pino({ level: 'silent' }),
    ...more,
  } as NginxEdgeOptions;
  const place = { folder, options, port, backend, pidFile: join(folder, 'logs/own.pid') };
  places.push(place);
  return place;
}

async function start({ folder, pidFile, options }: Place): Promise<void> {
  const words = [
    '-p',
    '.',
    '-c',
    'conf/nginx.conf',
    '-e',
    'logs/early.log',
    '-g',
    'daemon on; pid logs/own.pid;',
  ];
  await run(options.nginx ?? nginxBinary, words, { cwd: folder });
  await until(() => findMaster(pidFile) !== undefined);
}

describe('an nginx that was started with -p, -c, -e and -g', () => {
  it('is tested, reloaded and followed with the same options', async () => {
    const place = await prefixed();
    await start(place);
    assert.ok(listMasters().some(({ prefix }) => prefix === place.folder));
    const edge = createNginxEdge(place.options);
    await edge.open([], soon());
    assert.equal((await send(place.port)).body, 'a GET 0');
    const { state, pid } = await edge.status(soon());
    assert.deepEqual([state, pid], ['ready', findMaster(place.pidFile)?.pid]);
    await edge.remove('a', ignore, soon());
    assert.equal((await send(place.port)).status, 502);
    await edge.close(soon());
    const { attached, findings } = await checkNginxEdge(place.options, expectations);
    assert.deepEqual([attached?.pid, attached?.prefix, findings], [pid, place.folder, []]);
  });

  it('and does not run is found by attach.prefix', async () => {
    const place = await prefixed();
    await assert.rejects(
      checkNginxEdge({ ...place.options, prefix: '/nowhere' } as NginxEdgeOptions, expectations),
      {
        code: 'edgeRejected',
      },
    );
    const options = { ...place.options, prefix: place.folder } as NginxEdgeOptions;
    const { attached } = await checkNginxEdge(options, expectations);
    assert.deepEqual([attached?.pid, attached?.prefix], [undefined, place.folder]);
  });
});

describe('a process that only calls itself the master of our nginx', () => {
  async function assertNotBelieved(test: TestContext, program: string, uid?: number): Promise<void> {
    const place = await prefixed();
    const title = `nginx: master process ${program} -c ${join(place.folder, 'conf/nginx.conf')} -p /nowhere -g load_module /nowhere/evil.so;`;
    const more = uid === undefined ? {} : { uid };
    const liar = spawn('/bin/sleep', ['60'], { argv0: title, stdio: 'ignore', ...more });
    test.after(async () => {
      const ended = once(liar, 'exit');
      liar.kill();
      await ended;
    });
    await until(() => listMasters().some(({ identity }) => identity.pid === liar.pid));
    const options = { ...place.options, prefix: place.folder } as NginxEdgeOptions;
    const { attached } = await checkNginxEdge(options, expectations);
    assert.deepEqual([attached?.pid, attached?.prefix], [undefined, place.folder]);
  }

  it('is not believed where its program is no nginx, also where it is ours', (test) =>
    assertNotBelieved(test, 'nginx'));

  const skip = process.getuid?.() !== 0;
  it(
    'is not believed where it is of another user: its options are not used, its program not run',
    {
      skip,
    },
    (test) => assertNotBelieved(test, nginxBinary, 65_534),
  );
});

describe('an nginx whose program was replaced on disk', () => {
  it('is told with both versions, and runs on', async () => {
    const warnings: unknown[] = [];
    const logger = pino({ level: 'warn' }, { write: (line: string) => void warnings.push(JSON.parse(line)) });
    const place = await prefixed({ logger });
    const binary = join(place.folder, 'nginx');
    copyFileSync(nginxBinary, binary);
    chmodSync(binary, 0o755);
    const own = { ...place, options: { ...place.options, nginx: binary } };
    await start(own);
    const same = await checkNginxEdge(own.options, expectations);
    assert.equal(same.attached?.runningServer, undefined);
    const bytes = readFileSync(nginxBinary, 'latin1').replaceAll(/nginx\/1\.(\d\d)\.\d/g, 'nginx/1.$1.9');
    writeFileSync(`${binary}.new`, bytes, { encoding: 'latin1', mode: 0o755 });
    renameSync(`${binary}.new`, binary);
    const { server, attached } = await checkNginxEdge(own.options, expectations);
    assert.equal(attached?.runningServer, same.server);
    assert.match(server, /^nginx\/1\.\d\d\.9$/);
    const edge = createNginxEdge(own.options);
    await edge.open([], soon());
    await edge.close(soon());
    assert.deepEqual(
      warnings.map((line) => [(line as { running: string }).running, (line as { onDisk: string }).onDisk]),
      [[same.server, server]],
    );
  });
});

describe('a check of an attached nginx', () => {
  it('does not touch the include of an edge that is open, also while a node is out', async () => {
    const bench = await makeBench({ kind: 'attached', mode: 'gate' });
    try {
      await bench.edge.open([], soon());
      await bench.edge.remove('b', ignore, soon());
      const before = readFileSync(bench.include, 'utf8');
      const { ino } = statSync(bench.include);
      await checkNginxEdge(bench.options, expectations);
      assert.equal(readFileSync(bench.include, 'utf8'), before);
      assert.equal(statSync(bench.include).ino, ino, 'it was replaced meanwhile');
    } finally {
      await bench.dispose();
    }
  });

  it('refuses while a binary upgrade is under way', async () => {
    const bench = await makeBench({ kind: 'attached', mode: 'gate' });
    try {
      writeFileSync(`${bench.pidFile}.oldbin`, `${process.pid}\n`);
      await assert.rejects(checkNginxEdge(bench.options, expectations), {
        code: 'edgeRejected',
        message: /a binary upgrade is under way/,
      });
    } finally {
      rmSync(`${bench.pidFile}.oldbin`, { force: true });
      await bench.dispose();
    }
  });
});
