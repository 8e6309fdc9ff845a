import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { inspectDump } from '../../src/adapters/nginx/attached.ts';
import { parseBuild } from '../../src/adapters/nginx/build.ts';
import { type Bench, type BenchOptions, ignore, makeBench, send, soon, until } from './harness.ts';

async function withBench(
  wanted: Omit<BenchOptions, 'kind'>,
  run: (bench: Bench) => Promise<void>,
): Promise<void> {
  const bench = await makeBench({ kind: 'attached', ...wanted });
  try {
    await run(bench);
  } finally {
    await bench.dispose();
  }
}

const askMany = async (bench: Bench): Promise<string[]> =>
  (await Promise.all(Array.from({ length: 30 }, () => bench.ask()))).map((answer) => answer[0] ?? '');

const isStarted = (): boolean => true;
/** The file of the control socket that a killed nginx has left goes within half a second. */
const isNotStarted = (): boolean => false;

/** Somebody makes a mistake in the user's own part; gives the way to mend it. */
function breakConfiguration({ folder }: Bench): () => void {
  const conf = join(folder, 'user.conf');
  const good = readFileSync(conf, 'utf8');
  writeFileSync(conf, `${good}\nnot_a_directive;\n`);
  return () => writeFileSync(conf, good);
}

describe('an attached nginx', () => {
  it('an include that the configuration does not include is refused, and the file is as before', async () => {
    await withBench({ mode: 'auto', isIncluded: false }, async (bench) => {
      const before = readFileSync(bench.include);
      await assert.rejects(bench.edge.open([], soon()), {
        code: 'config',
        message: /must say "include .*shop\.conf;"/,
      });
      assert.deepEqual(readFileSync(bench.include), before);
    });
  });

  it('is notRunning until the user starts it, and the include waits there, tested', async () => {
    await withBench({ mode: 'gate', isRunning: false }, async (bench) => {
      await assert.rejects(bench.edge.open(['a'], soon()), { code: 'notRunning' });
      assert.equal((await bench.edge.status(soon())).state, 'stopped');
      assert.equal(await bench.edge.prepare(() => ['a', 'b'], soon()), true);
      await bench.startNginx();
      assert.ok((await askMany(bench)).every((node) => node === 'c'));
      await bench.edge.open(['a', 'b'], soon());
      assert.ok((await askMany(bench)).every((node) => node === 'c'));
    });
  });

  it('reload: where nginx refuses the test, the include gets its former bytes and the node stays in', async () => {
    await withBench({ mode: 'reload' }, async (bench) => {
      await bench.edge.open([], soon());
      const before = readFileSync(bench.include);
      const mend = breakConfiguration(bench);
      await assert.rejects(bench.edge.remove('a', ignore, soon()), {
        code: 'edgeRejected',
        message: /unknown directive "not_a_directive"/,
      });
      assert.deepEqual(readFileSync(bench.include), before);
      assert.ok((await askMany(bench)).includes('a'));
      mend();
      await bench.edge.remove('a', ignore, soon());
      assert.ok(!(await askMany(bench)).includes('a'));
    });
  });

  it('gate: what others have broken in their configuration keeps no node in rotation', async () => {
    await withBench({ mode: 'gate' }, async (bench) => {
      await bench.edge.open([], soon());
      const mend = breakConfiguration(bench);
      await bench.edge.remove('a', ignore, soon());
      assert.ok(!(await askMany(bench)).includes('a'));
      mend();
      await bench.killNginx('SIGKILL');
      await until(() => bench.startNginx().then(isStarted, isNotStarted));
      assert.ok(!(await askMany(bench)).includes('a'));
    });
  });

  it('http-level Lua hooks of the user leave the gate working, and sockets bound what is in flight', async () => {
    const http = 'log_by_lua_block { local x = 1 }';
    await withBench({ mode: 'gate', http }, async (bench) => {
      await bench.edge.open([], soon());
      assert.doesNotMatch(readFileSync(bench.include, 'utf8'), /^log_by_lua_block/m);
      await askMany(bench);
      await bench.edge.remove('b', ignore, soon());
      assert.ok(!(await askMany(bench)).includes('b'));
      assert.ok((await bench.edge.inFlight('b', soon())) >= 0);
    });
  });

  it('an nginx without the Lua module is attached by reload', async () => {
    await withBench({ mode: 'auto', isRunning: false }, async (bench) => {
      const conf = join(bench.folder, 'user.conf');
      writeFileSync(conf, readFileSync(conf, 'utf8').replace(/^load_module .*$/gm, ''));
      await bench.startNginx();
      await bench.edge.open(['c'], soon());
      assert.equal(bench.edge.mode, 'reload');
      assert.ok(!(await askMany(bench)).includes('c'));
    });
  });

  it('close leaves it running with its nodes out', async () => {
    await withBench({ mode: 'gate' }, async (bench) => {
      await bench.edge.open(['a'], soon());
      await bench.edge.close(soon());
      assert.equal((await send(bench.port)).status, 200);
      assert.ok(!(await askMany(bench)).includes('a'));
    });
  });
});

describe('what nginx -T tells', () => {
  const build = parseBuild(
    'nginx version: nginx/1.22.1\nconfigure arguments: --prefix=/p --pid-path=/run/x.pid',
  );
  assert.ok(build !== undefined);
  const dump = (main: string): string =>
    `# configuration file /c/nginx.conf:\n${main}\n# configuration file /c/shop.conf:\nupstream shop {}\n`;
  const facts = (main: string) => inspectDump('e', dump(main), build, '/c/nginx.conf', '/c/shop.conf');

  it('the pid file and error log are those of the main block, quotes and comments read as nginx reads them', () => {
    assert.deepEqual(
      facts('# pid /no;\nuser x; pid "/a b/n.pid"; error_log logs/e.log warn;\nhttp { error_log /no; }'),
      {
        pidFile: '/a b/n.pid',
        errorLog: '/p/logs/e.log',
      },
    );
  });

  it('without directives the build tells', () => {
    assert.deepEqual(facts('events {}'), { pidFile: '/run/x.pid', errorLog: '/p/logs/error.log' });
    assert.equal(facts('error_log syslog:server=x;').errorLog, undefined);
  });
});
