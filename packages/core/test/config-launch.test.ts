import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseConfig } from '../src/parse-config.ts';

function parse(node: Record<string, unknown>): ReturnType<typeof parseConfig> {
  return parseConfig({
    service: 'shop',
    edges: [{ name: 'e', listen: '127.0.0.1:80' }],
    nodes: [{ name: 'a', address: '127.0.0.1:81', process: { start: 'x' }, ...node }],
  });
}

function launchOf(node: Record<string, unknown>): unknown {
  const parsed = parse(node);
  assert.ok(parsed.ok, JSON.stringify(parsed));
  return parsed.config.nodes[0]?.launch;
}

function problemsOf(node: Record<string, unknown>): readonly string[] {
  const parsed = parse(node);
  return parsed.ok ? [] : parsed.problems.map(({ path, message }) => `${path.join('.')} ${message}`);
}

describe('how a node is started', () => {
  it('nothing is asked for where nothing is said', () => {
    const nothing = {
      user: undefined,
      group: undefined,
      umask: undefined,
      nice: undefined,
      logFile: undefined,
    };
    assert.deepEqual(launchOf({}), { envFiles: [], ...nothing });
  });

  it('is taken as it is written', () => {
    const node = {
      envFile: 'a.env',
      user: 'www-data',
      group: 33,
      umask: '027',
      nice: 5,
      log: { file: 'a.log' },
    };
    const launch = {
      envFiles: ['a.env'],
      user: 'www-data',
      group: '33',
      umask: 0o27,
      nice: 5,
      logFile: 'a.log',
    };
    assert.deepEqual(launchOf(node), launch);
    assert.deepEqual(launchOf({ envFile: ['a', 'b'], umask: '0077' }), {
      ...(launchOf({}) as object),
      envFiles: ['a', 'b'],
      umask: 0o77,
    });
  });

  const wrong: readonly [node: Record<string, unknown>, problem: string][] = [
    [{ umask: 27 }, 'nodes.0.umask must be three octal digits in quotes, such as "027": current value is 27'],
    [
      { umask: '888' },
      'nodes.0.umask must be three octal digits in quotes, such as "027": current value is "888"',
    ],
    [{ nice: 20 }, 'nodes.0.nice must be at most 19: current value is 20'],
    [{ user: 'a b' }, 'nodes.0.user must be a user name or a numeric id: current value is "a b"'],
    [{ group: -1 }, 'nodes.0.group must be a group name or a numeric id: current value is -1'],
    [{ envFile: [] }, 'nodes.0.envFile must be a path or a list of paths: current value is []'],
    [{ log: 'a.log' }, 'nodes.0.log must be a group of keys: current value is "a.log"'],
    [{ log: { files: 'a' } }, 'nodes.0.log.files is not a known key'],
    [{ log: { file: 'a\nb' } }, 'nodes.0.log.file must be one line: current value is "a\\nb"'],
  ];
  for (const [node, problem] of wrong) {
    it(`${JSON.stringify(node)} is refused`, () =>
      assert.ok(problemsOf(node).includes(problem), problemsOf(node).join('\n')));
  }
});

describe('a node that systemd starts', () => {
  const node = { process: undefined, systemd: { unit: 'shop@a.service' } };

  it('names its unit', () => {
    const parsed = parse({ ...node, systemd: { unit: 'shop@a.service', user: true } });
    assert.ok(parsed.ok);
    const [found] = parsed.config.nodes;
    assert.ok(found?.kind === 'systemd');
    assert.deepEqual([found.unit, found.isUserUnit], ['shop@a.service', true]);
  });

  it('a unit must be a service', () => {
    for (const unit of ['shop', 'shop.socket', '-x.service; rm', '']) {
      const [problem = ''] = problemsOf({ ...node, systemd: { unit } });
      assert.match(
        problem,
        /^nodes\.0\.systemd\.unit must be the name of a service unit, such as shop@a\.service/,
      );
    }
  });

  it('what its unit says is left to the unit', () => {
    const more = { env: { A: 1 }, directory: '.', user: 'x', log: { file: 'x' } };
    assert.deepEqual(problemsOf({ ...node, ...more }), [
      'nodes.0.env must be left out where systemd starts the node: the unit says Environment=',
      'nodes.0.directory must be left out where systemd starts the node: the unit says WorkingDirectory=',
      'nodes.0.user must be left out where systemd starts the node: the unit says User=',
      'nodes.0.log must be left out where systemd starts the node: the unit says StandardOutput=',
    ]);
  });
});
