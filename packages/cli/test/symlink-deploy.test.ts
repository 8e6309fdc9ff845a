import assert from 'node:assert/strict';
import { renameSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { CommandFolder } from './support/run-command.ts';

const release = (name: string): string => `import { readFileSync } from 'node:fs';
export default (request, response) =>
  response.end(['${name}', process.cwd(), readFileSync('version', 'utf8')].join(' '));\n`;

/** Two releases, `current` on the first one. */
function makeReleases(test: TestContext): CommandFolder {
  const files = Object.fromEntries(
    ['r1', 'r2'].flatMap((name) => [
      [`${name}/app.mjs`, release(name)],
      [`${name}/version`, `${name}'s file`],
      [`${name}/lameduck.run.yaml`, 'entry: app.mjs\ncontrol: run.sock\n'],
    ]),
  );
  const folder = new CommandFolder(test, files);
  symlinkSync('r1', join(folder.path, 'current'));
  return folder;
}

/** In one step, as deployments do it. */
function switchTo(folder: CommandFolder, name: string): void {
  symlinkSync(name, join(folder.path, 'next'));
  renameSync(join(folder.path, 'next'), join(folder.path, 'current'));
}

describe('a reload after the working directory names another release', () => {
  for (const [how, words] of [
    ['an entry on the command line', ['app.mjs']],
    ['the entry of a settings file', []],
  ] as const)
    it(`starts what it names now, in it: ${how}`, async (test) => {
      const folder = makeReleases(test);
      const current = join(folder.path, 'current');
      // As a shell that was told `cd current`.
      const master = folder.startIn(current, ['run', ...words, '-b', '127.0.0.1:0', '--linger', '100ms'], {
        PWD: current,
        LAMEDUCK_CONTROL: 'run.sock',
      });
      const url = await master.ready();
      const ask = async (): Promise<string> =>
        (await fetch(url, { headers: { connection: 'close' } })).text();
      assert.equal(await ask(), `r1 ${join(folder.path, 'r1')} r1's file`);
      switchTo(folder, 'r2');
      // The control socket stays where it was made.
      const reloaded = await folder.run(['ctl', 'reload', '--control', 'r1/run.sock']);
      assert.equal(reloaded.code, 0, reloaded.stderr);
      assert.equal(await ask(), `r2 ${join(folder.path, 'r2')} r2's file`);
      assert.equal((await folder.run(['ctl', 'stop', '--control', 'r1/run.sock'])).code, 0);
    });

  it('does not believe a PWD that names another folder', async (test) => {
    const folder = makeReleases(test);
    const master = folder.startIn(join(folder.path, 'r1'), ['run', 'app.mjs', '-b', '127.0.0.1:0'], {
      PWD: join(folder.path, 'r2'),
    });
    assert.match(await (await fetch(await master.ready())).text(), /^r1 /);
  });
});
