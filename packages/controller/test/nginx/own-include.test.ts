import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { checkNginxEdge } from '../../src/adapters/nginx/check-edge.ts';
import { createNginxEdge } from '../../src/adapters/nginx/edge.ts';
import type { NginxEdgeOptions } from '../../src/adapters/nginx/options.ts';
import { type Bench, type BenchOptions, freePort, ignore, makeBench, send, soon } from './harness.ts';

const expectations = { timeoutGracefulShutdownMs: 30_000, keepAliveMs: new Map<string, number>() };

async function withBench(more: Partial<BenchOptions>, work: (bench: Bench) => Promise<void>): Promise<void> {
  const bench = await makeBench({ kind: 'attached', mode: 'auto', ...more });
  try {
    await work(bench);
  } finally {
    await bench.dispose();
  }
}

/** Checks and opens an edge with this include; both must refuse, and say why. */
async function assertRefused({ options }: Bench, include: string, got: RegExp): Promise<void> {
  const own = { ...options, include } as NginxEdgeOptions;
  await assert.rejects(checkNginxEdge(own, expectations), { code: 'config', message: got });
  await assert.rejects(createNginxEdge(own).rehearse?.() ?? Promise.resolve(), {
    code: 'config',
    message: got,
  });
  await assert.rejects(createNginxEdge(own).open([], soon()), { code: 'config', message: got });
}

describe('a file that is not ours', () => {
  it('is never replaced: a site of the user goes on to answer, byte for byte and inode as before', async () => {
    await withBench({ http: 'include @/mine.conf;', isRunning: false }, async (bench) => {
      const [mine, port] = [join(bench.folder, 'mine.conf'), await freePort()];
      const site = `# mine\nserver { listen 127.0.0.1:${port}; location / { return 204; } }\n`;
      writeFileSync(mine, site);
      const conf = join(bench.folder, 'user.conf');
      writeFileSync(conf, readFileSync(conf, 'utf8').replaceAll('@/', `${bench.folder}/`));
      await bench.startNginx();
      const { ino, mtimeMs } = statSync(mine);
      await assertRefused(
        bench,
        mine,
        /Cannot write include ".*mine\.conf": .*current value is a file that lameduck did not write/,
      );
      const now = statSync(mine);
      assert.deepEqual([readFileSync(mine, 'utf8'), now.ino, now.mtimeMs], [site, ino, mtimeMs]);
      assert.equal((await send(port)).status, 204);
    });
  });

  it('is never replaced: the main file of nginx, the include of another service, a folder, a pipe, a device', async () => {
    await withBench({ isRunning: false }, async (bench) => {
      const conf = join(bench.folder, 'user.conf');
      const before = readFileSync(conf, 'utf8');
      await assertRefused(bench, conf, /a file that lameduck did not write/);
      assert.equal(readFileSync(conf, 'utf8'), before);
      const other = join(bench.folder, 'other.conf');
      const text = readFileSync(bench.include, 'utf8').replace('"shop"', '"blog"');
      writeFileSync(other, text);
      await assertRefused(bench, other, /the include of service "blog": name another file/);
      assert.equal(readFileSync(other, 'utf8'), text);
      const folder = join(bench.folder, 'folder.conf');
      mkdirSync(folder);
      await assertRefused(
        bench,
        folder,
        /Cannot write include ".*folder\.conf": .*current value is a folder/,
      );
      const pipe = join(bench.folder, 'pipe.conf');
      execFileSync('mkfifo', [pipe]);
      await assertRefused(bench, pipe, /current value is no plain file/);
      const device = join(bench.folder, 'null.conf');
      symlinkSync('/dev/null', device);
      await assertRefused(bench, device, /current value is no plain file/);
      assert.ok(statSync('/dev/null').isCharacterDevice());
      await assertRefused(bench, join(conf, 'shop.conf'), /Cannot (make folder|read) ".*user\.conf/);
    });
  });

  for (const mode of ['gate', 'reload'] as const) {
    it(`is not replaced by a change either, where somebody put it there meanwhile (${mode})`, async () => {
      await withBench({ mode }, async (bench) => {
        await bench.edge.open([], soon());
        writeFileSync(bench.include, '# mine now\n');
        await assert.rejects(bench.edge.remove('a', ignore, soon()), {
          code: 'config',
          message: /a file that lameduck did not write/,
        });
        assert.equal(readFileSync(bench.include, 'utf8'), '# mine now\n');
        assert.equal((await send(bench.port)).status, 200);
      });
    });
  }
});

describe('a file that may be ours', () => {
  it('is one that is empty, not there, or in a folder that is not there', async () => {
    await withBench({ isRunning: false }, async (bench) => {
      writeFileSync(bench.include, '\n');
      await bench.edge
        .open([], soon())
        .catch((thrown: { code: string }) => assert.equal(thrown.code, 'notRunning'));
      assert.match(readFileSync(bench.include, 'utf8'), /^# Written by lameduck for service "shop"\./);
      rmSync(bench.include);
      await checkNginxEdge(bench.options, expectations);
      assert.ok(!existsSync(bench.include));
    });
  });
});

describe('a check', () => {
  it('leaves no folder behind, whether nginx takes the include or not', async () => {
    for (const pattern of ['deep/er/*.conf', 'elsewhere/*.conf']) {
      await withBench({ http: `include ${pattern};`, isIncluded: false, isRunning: false }, async (bench) => {
        const options = {
          ...bench.options,
          include: join(bench.folder, 'deep/er/shop.conf'),
        } as NginxEdgeOptions;
        await checkNginxEdge(options, expectations).then(
          () => assert.equal(pattern, 'deep/er/*.conf'),
          (thrown: { code: string }) =>
            assert.deepEqual([pattern, thrown.code], ['elsewhere/*.conf', 'config']),
        );
        assert.ok(!existsSync(join(bench.folder, 'deep')));
        assert.ok(!existsSync(options.directory));
      });
    }
  });
});

describe('an include that nginx does not read', () => {
  it('is told as that, although nginx speaks of the upstream only, and nothing stays', async () => {
    await withBench({ isRunning: false }, async (bench) => {
      const include = join(bench.folder, 'typo/shop.conf');
      const options = { ...bench.options, include } as NginxEdgeOptions;
      rmSync(bench.include);
      const conf = join(bench.folder, 'user.conf');
      writeFileSync(
        conf,
        readFileSync(conf, 'utf8').replace(/include .*shop\.conf;/, 'include right/*.conf;'),
      );
      const wanted = {
        code: 'config',
        message: new RegExp(
          `must say "include ${include};" in its http block, below .*user\\.conf:\\d+: current value is not included`,
        ),
      };
      await assert.rejects(checkNginxEdge(options, expectations), wanted);
      await assert.rejects(createNginxEdge(options).open([], soon()), wanted);
      assert.ok(!existsSync(dirname(include)));
    });
  });

  it('is not blamed where nginx reads it, by a pattern, by a relative path or over a link', async () => {
    for (const line of ['include site*/shop.conf;', 'include sites/shop.conf;', 'include linked/*;']) {
      await withBench(
        { http: `${line}\nnot_a_directive;`, isIncluded: false, isRunning: false },
        async (bench) => {
          mkdirSync(join(bench.folder, 'sites'));
          symlinkSync(join(bench.folder, 'sites'), join(bench.folder, 'linked'));
          const options = {
            ...bench.options,
            include: join(bench.folder, 'sites/shop.conf'),
          } as NginxEdgeOptions;
          await assert.rejects(checkNginxEdge(options, expectations), (thrown: Error & { code: string }) => {
            assert.equal(thrown.code, 'edgeRejected');
            const said = thrown.message.match(/unknown directive "not_a_directive"/g);
            assert.equal(said?.length, 1, `once, not for each way to run it: ${thrown.message}`);
            return true;
          });
        },
      );
    }
  });
});
