import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { HealthConfig } from '../src/config.ts';
import { formatPath } from '../src/config-issues.ts';
import { parseConfig } from '../src/parse-config.ts';
import { validDocument } from './support.ts';

function healthOf(health: unknown, own?: unknown): HealthConfig {
  const parsed = parseConfig(withHealth(health, own));
  assert.ok(parsed.ok, JSON.stringify(parsed));
  return (parsed.config.nodes[0] as { health: HealthConfig }).health;
}

function withHealth(health: unknown, own?: unknown): Record<string, unknown> {
  const document = validDocument();
  const [first, ...rest] = document.nodes as object[];
  return { ...document, health, nodes: [own === undefined ? first : { ...first, health: own }, ...rest] };
}

function problemsOf(document: unknown): string[] {
  const parsed = parseConfig(document);
  return parsed.ok ? [] : parsed.problems.map(({ path, message }) => `${formatPath(path)}: ${message}`);
}

describe('the configuration of health', () => {
  it('has a default for everything', () => {
    assert.deepEqual(healthOf({}, {}), {
      type: 'http',
      path: '/-/ready',
      port: undefined,
      intervalMs: 1000,
      downIntervalMs: 1000,
      timeoutMs: 1000,
      rise: 2,
      fall: 3,
      expect: { status: [{ from: 200, to: 299 }], body: undefined },
      slowStartMs: 0,
      passive: undefined,
    });
  });

  it('lets a node override key by key, also below expect', () => {
    const service = {
      interval: '5s',
      expect: { status: [200, '301-302'], body: 'well' },
      slowStart: '10s',
      passive: { errors: 9 },
    };
    const health = healthOf(service, {
      downInterval: '1s',
      expect: { body: '/^ok$/i' },
      slowStart: false,
      port: 9,
    });
    assert.deepEqual(
      [health.intervalMs, health.downIntervalMs, health.slowStartMs, health.port],
      [5000, 1000, 0, 9],
    );
    assert.deepEqual(health.expect, {
      status: [
        { from: 200, to: 200 },
        { from: 301, to: 302 },
      ],
      body: { kind: 'pattern', source: '^ok$', flags: 'i' },
    });
    assert.deepEqual(health.passive, { errors: 9, withinMs: 10_000 });
    assert.equal(healthOf(service).downIntervalMs, 5000);
    assert.deepEqual(healthOf({ expectStatus: 204 }, { expect: { status: '200-204' } }).expect.status, [
      { from: 200, to: 204 },
    ]);
  });

  it('names every mistake by its path', () => {
    const [statusProblem = ''] = problemsOf(withHealth({ expect: { status: ['2xx'] } }));
    assert.match(
      statusProblem,
      /^health\.expect\.status\[0\]: must be a status such as 200 or a range .*: current value is "2xx"$/,
    );
    assert.match(
      problemsOf(withHealth({ expect: { body: '/(/' } })).join(),
      /^health\.expect\.body: must be text, or a valid pattern such as \/ok\/i .*: current value is "\/\(\/"$/,
    );
    assert.match(problemsOf(withHealth({ expect: { body: '/a/g' } })).join(), /valid pattern/);
    assert.deepEqual(problemsOf(withHealth({ passive: { errors: 0, in: '1s' } })), [
      'health.passive.errors: must be at least 1: current value is 0',
      'health.passive.in: is not a known key',
    ]);
    assert.match(problemsOf(withHealth({ slowStart: '10ms' })).join(), /slowStart: must be at least 1000ms/);
    assert.match(
      problemsOf(withHealth({ type: 'udp' })).join(),
      /must be "http" or "tcp": current value is "udp"/,
    );
    assert.match(
      problemsOf(withHealth({ downInterval: '1ms' })).join(),
      /downInterval: must be at least 10ms/,
    );
  });

  it('refuses what a TCP check would not look at, and one thing said twice', () => {
    assert.deepEqual(problemsOf(withHealth({ type: 'tcp', path: '/up' })), [
      'health.path: must be left out: a check of type tcp only opens a connection',
    ]);
    assert.deepEqual(problemsOf(withHealth({ path: '/up' }, { type: 'tcp' })), []);
    assert.deepEqual(problemsOf(withHealth({ type: 'tcp' }, { expect: { body: 'x' } })), [
      'nodes[0].health.expect: must be left out: a check of type tcp only opens a connection',
    ]);
    assert.match(
      problemsOf(withHealth({ expectStatus: 200, expect: { status: 200 } })).join(),
      /^health\.expectStatus: must be left out where expect\.status says the same$/,
    );
  });

  it('refuses slow start and passive checks where an edge is to go without the gate', () => {
    const document = withHealth({ slowStart: '10s' }, { passive: {} });
    const edges = [{ name: 'old', listen: '127.0.0.1:8080', mode: 'reload' }];
    assert.deepEqual(problemsOf({ ...document, edges }), [
      'health.slowStart: must be left out where an edge has mode reload: slow start needs the gate, and edge "old" is without it',
      'nodes[0].health.passive: must be left out where an edge has mode reload: counting errors needs the gate, and edge "old" is without it',
    ]);
  });

  it('takes a panic threshold as a percentage', () => {
    const withPanic = (panic: unknown): unknown => ({ ...validDocument(), availability: { panic } });
    const parsed = parseConfig(withPanic('50%'));
    assert.ok(parsed.ok && parsed.config.availability.panicPercent === 50);
    for (const wrong of ['0%', '101%', 50, 'half'])
      assert.match(problemsOf(withPanic(wrong)).join(), /^availability\.panic: must be a percentage/);
  });
});
