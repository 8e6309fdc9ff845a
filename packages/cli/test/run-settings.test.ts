import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CommandFolder } from './support/run-command.ts';

const app = 'export default (request, response) => response.end(`hello from ` + process.pid);\n';

describe('lameduck run: settings', () => {
  it('--print-config shows each value with its origin: default, file, environment, flag', async (test) => {
    const folder = new CommandFolder(test, { 'lameduck.run.yaml': 'keepAlive: 20s\nworkers: 2\n' });
    const environment = { WEB_CONCURRENCY: '3' };
    const { code, stdout } = await folder.run(
      ['run', '--print-config', '--linger', '1s', '--json'],
      environment,
    );
    assert.equal(code, 0);
    const { settings } = JSON.parse(stdout) as {
      settings: { name: string; value: string; origin: string }[];
    };
    const shown = (name: string): string => {
      const found = settings.find((setting) => setting.name === name);
      return `${found?.value} ${found?.origin}`;
    };
    assert.deepEqual(['workers', 'keepAlive', 'linger', 'readyTimeout', 'minReady'].map(shown), [
      '3 $WEB_CONCURRENCY',
      '20s lameduck.run.yaml',
      '1s --linger',
      '60s default',
      'shared default',
    ]);
  });

  it('--check-config ends with 0, or with 78 and one message for each problem', async (test) => {
    const folder = new CommandFolder(test, { 'app.mjs': app });
    assert.equal((await folder.run(['run', 'app.mjs', '--check-config'])).code, 0);
    const missing = await folder.run(['run', 'nowhere.mjs', '--check-config']);
    assert.equal(missing.code, 78);
    folder.write('first.mjs', '');
    const imported = (module: string): ReturnType<CommandFolder['run']> =>
      folder.run(['run', 'app.mjs', '--check-config', '--import', module]);
    assert.equal((await imported('./first.mjs')).code, 0);
    const nope = await imported('./nope.mjs');
    assert.deepEqual(
      [nope.code, /Cannot import ".*\/nope\.mjs": an existing file/.test(nope.stderr)],
      [78, true],
    );
    for (const [words, message] of [
      [['.'], /Cannot run ".*": an existing file/],
      [
        ['app.mjs', '--certfile', 'no.pem', '--keyfile', 'no.key'],
        /Cannot use certfile ".*\/no\.pem": an existing/,
      ],
      [['app.mjs', '--reload', '--reload-dir', 'nowhere'], /Cannot watch ".*\/nowhere": an existing folder/],
    ] as const) {
      const refused = await folder.run(['run', ...words, '--check-config']);
      assert.deepEqual([refused.code, message.test(refused.stderr)], [78, true], refused.stderr);
    }
    folder.write('bad.json', '{ "worker": 2, "keepAlive": 5 }');
    const bad = await folder.run(['run', 'app.mjs', '--check-config', '--settings', 'bad.json']);
    assert.equal(bad.code, 78);
    assert.match(bad.stderr, /"worker" in bad\.json: it is not a known setting/);
    assert.match(bad.stderr, /"keepAlive" in bad\.json: a duration/);
    assert.doesNotMatch(bad.stderr, /\n {4}at /, 'no stack trace');
  });

  it('a bad environment value is an error that names the variable, exit code 78', async (test) => {
    const folder = new CommandFolder(test, { 'app.mjs': app });
    const { code, stderr } = await folder.run(['run', 'app.mjs'], { LAMEDUCK_READY_TIMEOUT: 'soon' });
    assert.equal(code, 78);
    assert.match(
      stderr,
      /environment variable "LAMEDUCK_READY_TIMEOUT": a duration .* current value is "soon"/,
    );
  });

  it('a bad flag is a usage error, exit code 2', async (test) => {
    const folder = new CommandFolder(test, { 'app.mjs': app });
    const { code, stderr } = await folder.run(['run', 'app.mjs', '-w', 'many']);
    assert.deepEqual([code, /flag "--workers": a whole number/.test(stderr)], [2, true]);
    assert.equal((await folder.run(['run'])).code, 2, 'nothing to run');
  });

  it('R25: inconsistent deadlines refuse to start with one clear message', async (test) => {
    const folder = new CommandFolder(test, { 'app.mjs': app });
    const args = ['run', 'app.mjs', '--timeout-graceful-shutdown', '5s', '--linger', '6s'];
    const { code, stderr } = await folder.run(args);
    assert.equal(code, 78);
    assert.match(
      stderr,
      /^lameduck: Cannot use setting "linger": at most timeoutGracefulShutdown \(5s\)[^\n]*\n$/,
    );
  });

  it('a settings file that waits for ever is told, exit code 78, instead of an end without a word', async (test) => {
    const folder = new CommandFolder(test, { 'lameduck.run.mjs': 'await new Promise(() => {});\n' });
    const { code, stderr } = await folder.run(['run', 'app.mjs']);
    assert.equal(code, 78);
    assert.match(stderr, /^lameduck: Cannot load config ".*lameduck\.run\.mjs": [^\n]*waits for ever\n$/);
  });

  it('two settings files in one folder are refused: nobody should guess', async (test) => {
    const folder = new CommandFolder(test, { 'lameduck.run.yaml': '', 'lameduck.run.json': '{}' });
    const { code, stderr } = await folder.run(['run', '--print-config']);
    assert.deepEqual([code, /lameduck\.run\.yaml, lameduck\.run\.json/.test(stderr)], [78, true]);
  });
});

describe('lameduck run: hooks', () => {
  const settings = (extra = ''): string => `
    import { appendFileSync } from 'node:fs';
    const tell = (name) => (info) => appendFileSync('hooks.log', JSON.stringify({ name, ...info }) + '\\n');
    const names = ['onStarting', 'whenReady', 'preFork', 'postFork', 'workerReady', 'workerExit', 'onReload', 'reloaded', 'onExit'];
    export default {
      entry: './app.mjs', bind: '127.0.0.1:0', linger: '100ms',
      hooks: { ...Object.fromEntries(names.map((name) => [name, tell(name)])) ${extra} },
    };`;

  it('are called around the life of the master, with plain data; their errors are logged and change nothing', async (test) => {
    const broken = `, workerReady: () => { throw new Error('the hook is broken'); }`;
    const folder = new CommandFolder(test, { 'app.mjs': app, 'lameduck.run.mjs': settings(broken) });
    const master = folder.start(['run']);
    const url = await master.ready();
    assert.match(await (await fetch(url)).text(), /^hello from/);
    master.child.kill('SIGHUP');
    await master.until(() => /"from":"reloading","to":"ready"/.test(master.stderr), 'reloaded');
    // Our kept connection moves to the new worker first: which of two leaving ones is the first to end nobody knows.
    await master.until(() => /"worker":1,[^\n]*"to":"gone"/.test(master.stderr), 'the old worker is gone');
    master.child.kill('SIGTERM');
    assert.equal((await master.ended).code, 0);
    const told = folder
      .read('hooks.log')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    assert.deepEqual(
      told.map(({ name, id, generation }) =>
        [name, id, generation].filter((part) => part !== undefined).join(' '),
      ),
      [
        'onStarting',
        'preFork 1 1',
        'postFork 1 1',
        'whenReady',
        'onReload 2',
        'preFork 2 2',
        'postFork 2 2',
        'reloaded 2',
        'workerExit 1 1',
        'workerExit 2 2',
        'onExit',
      ],
    );
    assert.equal(told.at(-1)?.code, 0);
    assert.match(master.stderr, /"hook":"workerReady","reason":"the hook is broken"/);
  });

  it('tells the beginning of each reload, of one that had to wait for another, too', async (test) => {
    const folder = new CommandFolder(test, { 'app.mjs': app, 'lameduck.run.mjs': settings() });
    const master = folder.start(['run', '--control', 'run.sock', '--min-ready', '200ms']);
    await master.ready();
    master.child.kill('SIGHUP');
    await master.until(() => /"to":"reloading"/.test(master.stderr), 'the first reload');
    assert.equal((await folder.run(['ctl', 'reload', '--control', 'run.sock'])).code, 0);
    assert.deepEqual(
      [...folder.read('hooks.log').matchAll(/"name":"(onReload|reloaded)","generation":(\d)/g)].map(
        ([, name, generation]) => `${name} ${generation}`,
      ),
      ['onReload 2', 'reloaded 2', 'onReload 3', 'reloaded 3'],
    );
  });

  it('an error in onStarting refuses the start', async (test) => {
    const broken = `, onStarting: async () => { throw new Error('no license'); }`;
    const folder = new CommandFolder(test, { 'app.mjs': app, 'lameduck.run.mjs': settings(broken) });
    const { code, stderr } = await folder.run(['run']);
    assert.deepEqual([code, /onStarting hook .* current value is no license/.test(stderr)], [1, true]);
  });

  it('an unknown hook, and one that is no function, are refused', async (test) => {
    const folder = new CommandFolder(test, { 'lameduck.run.mjs': settings(', onFire: () => 1') });
    const unknown = await folder.run(['run', '--check-config']);
    assert.deepEqual([unknown.code, /hook "onFire"/.test(unknown.stderr)], [78, true]);
    const yaml = new CommandFolder(test, { 'lameduck.run.yaml': 'hooks:\n  onExit: echo\n' });
    const text = await yaml.run(['run', '--check-config']);
    assert.deepEqual([text.code, /hook "onExit".*a function is wanted/.test(text.stderr)], [78, true]);
  });
});
