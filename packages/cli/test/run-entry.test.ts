import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CommandFolder } from './support/run-command.ts';

const serve = ['run', 'app.mjs', '-b', '127.0.0.1:0', '--linger', '100ms'];

const jsonLines = (stderr: string): readonly Record<string, unknown>[] =>
  stderr
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);

describe('lameduck run: the entry', () => {
  it('without an application is one message, exit code 3; the log names it once, without a stack of ours', async (test) => {
    const folder = new CommandFolder(test, { 'app.mjs': 'export const nothing = 1;\n' });
    const { code, stderr } = await folder.run([...serve, '-w', '1']);
    assert.equal(code, 3);
    const last = stderr.trimEnd().split('\n').at(-1) ?? '';
    assert.match(last, /^lameduck: Cannot load ".*app\.mjs": .*current value is/);
    assert.equal(stderr.split(last.slice('lameduck: '.length)).length - 1, 1, stderr);
    assert.equal(jsonLines(stderr).filter((line) => 'reason' in line).length, 1, stderr);
    assert.doesNotMatch(stderr, /"stack"/);
  });

  it('that throws tells where, in a line of the form of all others', async (test) => {
    const folder = new CommandFolder(test, { 'app.mjs': `\nthrow new TypeError('no such thing');\n` });
    const { code, stderr } = await folder.run([...serve, '-w', '1']);
    assert.equal(code, 3);
    const told = jsonLines(stderr).filter((line) => line['err'] !== undefined);
    assert.equal(told.length, 1, stderr);
    assert.match(JSON.stringify(told), /app\.mjs:2:7/);
    for (const { time } of jsonLines(stderr)) assert.match(String(time), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  });

  it('is loaded after what --import names, in each worker', async (test) => {
    const folder = new CommandFolder(test, {
      'app.mjs': `const seen = globalThis.preloaded;
export default (request, response) => response.end(String(seen));\n`,
      'one.mjs': `globalThis.preloaded = ['one'];\n`,
      'two.mjs': `globalThis.preloaded.push('two');\n`,
    });
    const master = folder.start([...serve, '-w', '2', '--import', './one.mjs', '--import', './two.mjs']);
    const url = await master.ready();
    for (let n = 0; n < 4; n += 1) {
      const response = await fetch(url, { headers: { connection: 'close' } });
      assert.equal(await response.text(), 'one,two');
    }
    master.child.kill('SIGTERM');
    assert.equal((await master.ended).code, 0);
  });
});

describe('lameduck ctl signal', () => {
  it('knows the names without asking a master: another one is a usage error, exit code 2', async (test) => {
    const folder = new CommandFolder(test);
    const dead = ['--control', 'nobody.sock'];
    const bad = await folder.run(['ctl', 'signal', 'FOO', ...dead]);
    assert.deepEqual(
      [bad.code, bad.stderr],
      [
        2,
        'lameduck: Cannot obey signal "FOO": one of TERM, INT, QUIT, HUP, TTIN, TTOU, USR1, USR2, WINCH was wanted\n',
      ],
    );
    const good = await folder.run(['ctl', 'signal', 'sighup', ...dead]);
    assert.equal(good.code, 3);
    assert.match(good.stderr, /^lameduck: Cannot reach a master on "nobody\.sock"/);
  });
});

describe('lameduck run: variables', () => {
  it('a name that is almost a setting is one warning, and sets nothing', async (test) => {
    const folder = new CommandFolder(test, {
      'app.mjs': `export default (request, response) => response.end();\n`,
    });
    const environment = { LAMEDUCK_WROKERS: '4', LAMEDUCK_NGINX: '/usr/sbin/nginx' };
    const checked = await folder.run(['run', 'app.mjs', '--check-config'], environment);
    assert.deepEqual(
      [checked.code, checked.stderr],
      [
        0,
        'lameduck: warning: environment variable "LAMEDUCK_WROKERS" sets nothing; "LAMEDUCK_WORKERS" does\n',
      ],
    );
    const master = folder.start(serve, environment);
    await master.ready();
    const told = jsonLines(master.stderr).filter(({ msg }) => msg === 'unknown environment variable');
    assert.deepEqual(
      told.map(({ level, name, meant }) => [level, name, meant]),
      [[40, 'LAMEDUCK_WROKERS', 'LAMEDUCK_WORKERS']],
    );
    assert.equal(master.stderr.match(/"msg":"worker spawned"/g)?.length, 1);
  });
});
