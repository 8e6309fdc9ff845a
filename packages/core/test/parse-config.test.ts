import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatPath } from '../src/config-issues.ts';
import { parseConfig } from '../src/parse-config.ts';
import { validDocument } from './support.ts';

function problemsOf(document: unknown): string[] {
  const parsed = parseConfig(document);
  return parsed.ok ? [] : parsed.problems.map(({ path, message }) => `${formatPath(path)}: ${message}`);
}

function withNode(node: Record<string, unknown>): unknown {
  const document = validDocument();
  return { ...document, nodes: [...(document.nodes as unknown[]), node] };
}

describe('parseConfig', () => {
  it('takes each way to balance as nginx names it, and no other', () => {
    const balanceOf = (balance: string): unknown => {
      const parsed = parseConfig({ ...validDocument(), balance });
      return parsed.ok ? parsed.config.balance : undefined;
    };
    assert.deepEqual(balanceOf('least_conn'), { type: 'least_conn' });
    assert.deepEqual(balanceOf('hash $cookie_Shop'), {
      type: 'hash',
      key: '$cookie_Shop',
      isConsistent: false,
    });
    assert.deepEqual(balanceOf('hash $host$uri consistent'), {
      ...{ type: 'hash', key: '$host$uri', isConsistent: true },
    });
    for (const other of ['random', 'random two least_conn', 'least_time header', 'hash', 'hash $uri fast'])
      assert.equal(balanceOf(other), undefined, other);
  });

  it('fills every default and freezes the result', () => {
    const parsed = parseConfig(validDocument());
    assert.ok(parsed.ok);
    const { config } = parsed;
    assert.equal(config.stateDirectory, '.lameduck');
    assert.equal(config.balance.type, 'round_robin');
    assert.deepEqual(config.shutdown, {
      timeoutGracefulShutdownMs: 30_000,
      marginMs: 5000,
      drainTimeoutMs: 30_000,
      sessions: 'finish',
    });
    assert.equal(config.availability.minAvailable, 1);
    assert.equal(config.availability.holdMs, 30_000);
    assert.ok(Object.isFrozen(config) && Object.isFrozen(config.nodes[0]?.health));
  });

  it('asks our own worker for its readiness, and every other node for /healthz', () => {
    const parsed = parseConfig(validDocument());
    assert.ok(parsed.ok);
    assert.deepEqual(
      parsed.config.nodes.map((node) => node.health.path),
      ['/-/ready', '/healthz', '/healthz'],
    );
  });

  it('lets a node override the health of the service field by field', () => {
    const document = validDocument();
    const [first] = document.nodes as Record<string, unknown>[];
    const parsed = parseConfig({
      ...document,
      health: { path: '/up', rise: 5, expectStatus: '200-204' },
      nodes: [{ ...first, health: { rise: 1 } }],
    });
    assert.ok(parsed.ok);
    const health = parsed.config.nodes[0]?.health;
    assert.equal(health?.path, '/up');
    assert.equal(health?.rise, 1);
    assert.deepEqual(health?.expect.status, [{ from: 200, to: 204 }]);
  });

  it('takes minAvailable as a share of the nodes, rounded up', () => {
    const parsed = parseConfig({ ...validDocument(), availability: { minAvailable: '50%' } });
    assert.ok(parsed.ok);
    assert.equal(parsed.config.availability.minAvailable, 2);
  });

  it('takes the prefix of an attached nginx, which may be left out', () => {
    const prefixes = [{}, { prefix: '/srv/nginx' }].map((more) => {
      const edges = [{ name: 'e', attach: { conf: 'nginx.conf', include: 'shop.conf', ...more } }];
      const parsed = parseConfig({ ...validDocument(), edges });
      const [edge] = parsed.ok ? parsed.config.edges : [];
      return edge?.kind === 'attached' ? edge.prefix : 'none';
    });
    assert.deepEqual(prefixes, [undefined, '/srv/nginx']);
  });

  it('names an unknown key by its path', () => {
    const problems = problemsOf({ ...validDocument(), helth: {} });
    assert.deepEqual(problems, ['helth: is not a known key']);
  });

  it('reports all problems at once', () => {
    const problems = problemsOf({
      ...validDocument(),
      service: 'Shop!',
      shutdown: { timeoutGracefulShutdown: 30 },
      balance: 'fastest',
    });
    assert.equal(problems.length, 3, problems.join('\n'));
    assert.match(problems.join('\n'), /service: must be lower-case .*: current value is "Shop!"/);
    assert.match(
      problems.join('\n'),
      /shutdown\.timeoutGracefulShutdown: must be a duration such as 500ms, 30s or 2m: current value is 30/,
    );
    assert.match(problems.join('\n'), /balance: must be round_robin, .*: current value is "fastest"/);
  });

  it('tells a duration of no length from one that cannot be read', () => {
    const problems = problemsOf({ ...validDocument(), shutdown: { margin: '0s', drainTimeout: 'soon' } });
    assert.deepEqual(problems, [
      'shutdown.margin: must be longer than 0: current value is "0s"',
      'shutdown.drainTimeout: must be a duration such as 500ms, 30s or 2m: current value is "soon"',
    ]);
  });

  it('reports broken rules over several keys together with keys that are wrong in themselves', () => {
    const document = validDocument();
    const problems = problemsOf({
      ...document,
      helth: {},
      shutdown: { timeoutGracefulShutdown: 30 },
      availability: { minAvailable: 9 },
      nodes: [
        ...(document['nodes'] as object[]),
        { name: 'A!', address: '127.0.0.1:8080', process: { start: 'x' } },
      ],
    });
    assert.equal(problems.length, 5, problems.join('\n'));
    assert.match(problems.join('\n'), /^nodes\[3\]\.name: must be lower-case/m);
    assert.match(problems.join('\n'), /^nodes\[3\]\.address: must be an address that nothing else has/m);
    assert.match(problems.join('\n'), /^availability\.minAvailable: must be .*9/m);
  });

  it('judges no rule by a key that is wrong: neither the key nor the group it makes is told twice', () => {
    const document = validDocument();
    const nodes = [...(document['nodes'] as object[]), { name: 'd', address: 'nowhere', app: 7 }];
    const problems = problemsOf({ ...document, nodes });
    assert.equal(problems.length, 2, problems.join('\n'));
    assert.match(problems.join('\n'), /^nodes\[3\]\.address: must be HOST:PORT/m);
    assert.match(problems.join('\n'), /^nodes\[3\]\.app: /m);
  });

  it('takes sticky sessions, drained as long as requests are unless it is told otherwise', () => {
    const stickyOf = (sticky: unknown): unknown => {
      const parsed = parseConfig({ ...validDocument(), shutdown: { drainTimeout: '7s' }, sticky });
      return parsed.ok ? parsed.config.sticky : undefined;
    };
    const plain = {
      path: '/',
      expiresMs: undefined,
      domain: undefined,
      isSecure: false,
      sameSite: undefined,
    };
    const least = { cookie: 'shop', ...plain, drainMs: 7_000 };
    assert.deepEqual(stickyOf({ cookie: 'shop' }), least);
    const all = { cookie: 'shop', path: '/x', expires: '1h', drain: '2m' };
    assert.deepEqual(stickyOf(all), { ...least, path: '/x', expiresMs: 3_600_000, drainMs: 120_000 });
    const cookie = { cookie: 'shop', domain: '.shop.example', secure: true, sameSite: 'none' };
    const wanted = { domain: '.shop.example', isSecure: true, sameSite: 'none' };
    assert.deepEqual(stickyOf(cookie), { ...least, ...wanted });
    assert.equal(stickyOf(undefined), undefined);
  });

  it('refuses sticky sessions that nginx would not take, and those of a gate', () => {
    const edges = [{ name: 'e', listen: '127.0.0.1:8080', mode: 'gate' }];
    assert.deepEqual(problemsOf({ ...validDocument(), edges, sticky: { cookie: 'c', expires: '10ms' } }), [
      'sticky.expires: must be at least 1000ms, the resolution of nginx: current value is 10ms',
      'sticky: must be left out where an edge has mode gate, which has no sticky sessions: edge "e" has it',
    ]);
    const problems = problemsOf({ ...validDocument(), sticky: { cookie: 'a;b', path: 'x' } });
    assert.match(problems.join('\n'), /sticky\.cookie: must be letters, digits and _, .*"a;b"/);
    assert.match(problems.join('\n'), /sticky\.path: must be the path of a URL, .*"x"/);
    const none = problemsOf({ ...validDocument(), sticky: { cookie: 'c', sameSite: 'none' } });
    assert.deepEqual(none, ['sticky.secure: must be true with sameSite none: browsers drop the cookie else']);
    for (const domain of ['a b', 'a;b', '', '-a', 'a..b', 'x'.repeat(254)]) {
      const [problem] = problemsOf({ ...validDocument(), sticky: { cookie: 'c', domain } });
      assert.match(problem ?? '', /^sticky\.domain: /, domain);
    }
  });

  it('says what is missing', () => {
    const { service: _, ...rest } = validDocument();
    assert.deepEqual(problemsOf(rest), ['service: is missing: text is wanted']);
  });

  it('refuses two nodes of one name, and one address used twice', () => {
    const name = problemsOf(withNode({ name: 'a', address: '127.0.0.1:9', process: { start: 'x' } }));
    assert.deepEqual(name, [
      'nodes[3].name: must be a node name that nothing else has: current value is "a"',
    ]);
    const address = problemsOf(withNode({ name: 'd', address: '127.0.0.1:8080', process: { start: 'x' } }));
    assert.deepEqual(address, [
      'nodes[3].address: must be an address that nothing else has: current value is "127.0.0.1:8080"',
    ]);
  });

  it('wants exactly one kind for each node and edge', () => {
    assert.deepEqual(problemsOf(withNode({ name: 'd', address: '127.0.0.1:9' })), [
      'nodes[3]: must have exactly one of app, gunicorn, process, systemd: current value is none',
    ]);
    const document = { ...validDocument(), edges: [{ name: 'e' }] };
    assert.deepEqual(problemsOf(document), [
      'edges[0]: must have exactly one of listen, attach: current value is none',
    ]);
  });

  for (const name of ['a;}', 'a b', '$(id)', 'a\nb', '../a', 'A', '-a', '', 'a"b', 'x'.repeat(64)]) {
    it(`refuses ${JSON.stringify(name.slice(0, 8))} as a node name: it must not reach nginx or a shell`, () => {
      const problems = problemsOf(withNode({ name, address: '127.0.0.1:9', process: { start: 'x' } }));
      assert.equal(problems.length, 1);
      assert.match(problems[0] ?? '', /nodes\[3\]\.name: must be /);
    });
  }

  for (const address of [
    '127.0.0.1',
    'host:99999',
    '127.0.0.1:80;}',
    'a b:1',
    'unix:/x y',
    ':80',
    'http://a:1',
  ]) {
    it(`refuses ${JSON.stringify(address)} as an address`, () => {
      const problems = problemsOf(withNode({ name: 'd', address, process: { start: 'x' } }));
      assert.match(problems[0] ?? '', /nodes\[3\]\.address: must be HOST:PORT/);
    });
  }

  it('refuses deadlines that do not nest', () => {
    const problems = problemsOf({ ...validDocument(), shutdown: { margin: '100ms' } });
    assert.match(problems[0] ?? '', /shutdown\.margin: must be at least 1000ms, so that the master can kill/);
  });

  it('refuses a minimum that no number of nodes can reach', () => {
    const problems = problemsOf({ ...validDocument(), availability: { minAvailable: 9 } });
    assert.match(problems[0] ?? '', /availability\.minAvailable: must be at most the number of nodes \(3\)/);
  });

  for (const input of [undefined, null, [], 'text', 7]) {
    it('takes how long requests may wait, within bounds, and what becomes of sessions', () => {
      const shutdown = { sessions: 'close' };
      const parsed = parseConfig({ ...validDocument(), shutdown, availability: { hold: '10m' } });
      assert.ok(parsed.ok);
      assert.equal(parsed.config.availability.holdMs, 600_000);
      assert.equal(parsed.config.shutdown.sessions, 'close');
      const [problem] = problemsOf({ ...validDocument(), availability: { hold: '11m' } });
      assert.match(
        problem ?? '',
        /^availability\.hold: must be at most 600000ms, .*: current value is 660000ms$/,
      );
      assert.match(
        problemsOf({ ...validDocument(), shutdown: { sessions: 'cut' } }).join(),
        /shutdown\.sessions/,
      );
    });

    it(`gives a problem, not an exception, for ${JSON.stringify(input)}`, () => {
      assert.ok(problemsOf(input).length > 0);
    });
  }
});
