import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { CommandFolder } from './support/run-command.ts';

const service = 'service: shop\nedges: [{ name: e, listen: "127.0.0.1:1" }]\n';
const bomb = ['a: &a [x, x]', 'b: &b [*a', 'c: &c [*b', 'd: &d [*c']
  .map((line, index) => (index === 0 ? line : `${line}${`, *${'abc'[index - 1]}`.repeat(9)}]`))
  .join('\n');

describe('a configuration that cannot be read', { concurrency: 3 }, () => {
  const cases: readonly [name: string, file: string, text: string, wanted: readonly RegExp[]][] = [
    [
      'a text that YAML takes for an alias',
      'lameduck.yaml',
      `${service}api:\n  allowedHosts: [*.example.com]\navailability: *nope\n`,
      [
        /^lameduck: \S+\/lameduck\.yaml:4:18 \*\.example\.com: must have &\.example\.com before it, or quotes where a text is meant/,
        /\n\S+\/lameduck\.yaml:5:15 \*nope: must have &nope/,
      ],
    ],
    [
      'an alias within what it names',
      'lameduck.yaml',
      `${service}nodes: &n\n  - name: a\n    env: { X: *n }\n`,
      [/lameduck\.yaml:5:15 \*n: must not stand in what it names \(&n\)/],
    ],
    [
      'aliases that stand for millions of values',
      'lameduck.yaml',
      bomb,
      [/lameduck\.yaml:4:\d+ Excessive alias count/],
    ],
    [
      'no TypeScript',
      'lameduck.ts',
      'export default {\n  a: [1, 2\n',
      [/lameduck\.ts:2 Cannot load config ".*": Expected/],
    ],
    [
      'no JavaScript',
      'lameduck.mjs',
      'export default {\n  a: 1 2\n};\n',
      [/lameduck\.mjs:2 Cannot load config ".*": /],
    ],
    [
      'an error of its own',
      'lameduck.ts',
      'export default {\n  a: ((): never => { throw new Error("no luck"); })(),\n};\n',
      [/lameduck\.ts:2:\d+ Cannot load config ".*": no luck/],
    ],
  ];
  for (const [name, file, text, wanted] of cases) {
    it(`because of ${name} is told with file and line, exit code 78`, async (test) => {
      const folder = new CommandFolder(test, { [file]: text });
      const { code, stderr } = await folder.run(['check']);
      assert.equal(code, 78, stderr);
      for (const one of wanted) assert.match(stderr, one);
      assert.doesNotMatch(stderr, /node_modules|^ +at /m, 'our own insides are no help');
    });
  }

  it('because of what it imports is told with the file that is wrong', async (test) => {
    const files = {
      'lameduck.mjs': 'import "./part.mjs";\nexport default {};\n',
      'part.mjs': '\n\nexport const x = ;\n',
    };
    const folder = new CommandFolder(test, files);
    const { code, stderr } = await folder.run(['check']);
    assert.equal(code, 78);
    assert.match(stderr, /part\.mjs:3 Cannot load config ".*lameduck\.mjs": Unexpected token/);
  });

  it('because it is a folder is told as that', async (test) => {
    const folder = new CommandFolder(test);
    for (const command of ['check', 'run']) {
      const args =
        command === 'run' ? ['run', 'app.mjs', '--settings', folder.path] : [command, '-c', folder.path];
      const { code, stderr } = await folder.run(args);
      assert.equal(code, 78, stderr);
      assert.ok(
        stderr.includes(`"${folder.path}": a readable file is wanted: current value is a folder`),
        stderr,
      );
    }
  });
});

describe('a part of a configuration that many share', () => {
  it('is taken by its alias', async (test) => {
    const text = `${service}nodes:
  - { name: a, address: "127.0.0.1:18701", app: &app { entry: ./app.mjs, workers: 1 } }
  - { name: b, address: "127.0.0.1:18702", app: *app }
`;
    const folder = new CommandFolder(test, { 'lameduck.yaml': text, 'app.mjs': 'export default () => {};' });
    const { stdout } = await folder.run(['check']);
    assert.ok(stdout.includes(`${join(folder.path, 'lameduck.yaml')}: 1 edge, 2 nodes`), stdout);
  });
});
