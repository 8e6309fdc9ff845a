import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { batchSize } from '../src/config-rollout.ts';
import { parseConfig } from '../src/parse-config.ts';
import { resolveRollout } from '../src/rollout-options.ts';

function parse(more: Record<string, unknown>, count = 4): ReturnType<typeof parseConfig> {
  return parseConfig({
    service: 'shop',
    edges: [{ name: 'e', listen: '127.0.0.1:80' }],
    nodes: Array.from({ length: count }, (_, index) => ({
      name: `n${index}`,
      address: `127.0.0.1:${8000 + index}`,
      process: { start: 'x' },
      ...(index === 0 ? (more['first'] as object) : {}),
    })),
    ...Object.fromEntries(Object.entries(more).filter(([key]) => key !== 'first')),
  });
}

function configOf(more: Record<string, unknown>, count?: number) {
  const parsed = parse(more, count);
  assert.ok(parsed.ok, JSON.stringify(parsed));
  return parsed.config;
}

function problemsOf(more: Record<string, unknown>): string[] {
  const parsed = parse(more);
  assert.ok(!parsed.ok);
  return parsed.problems.map(({ path, message }) => `${path.join('.')} ${message}`);
}

describe('the section rollout', () => {
  it('has a default for everything', () => {
    const { rollout, nodes } = configOf({});
    assert.deepEqual(rollout, {
      batch: 1,
      canary: 0,
      soakMs: 30_000,
      success: { maxErrorRate: 0.01, maxP99Ratio: 2, minRequests: 100, isDemanded: false },
    });
    assert.equal(nodes[0]?.hooks, undefined);
  });

  it('reads criteria, and knows that somebody has asked for them', () => {
    const { rollout } = configOf({ rollout: { canary: 1, soak: '5m', success: { maxErrorRate: '0.5%' } } });
    assert.deepEqual(rollout.success, {
      maxErrorRate: 0.005,
      maxP99Ratio: 2,
      minRequests: 100,
      isDemanded: true,
    });
  });

  it('rounds a batch down and never to nothing, the nodes that must stay up', () => {
    assert.deepEqual([batchSize('50%', 5), batchSize('10%', 5), batchSize('100%', 5)], [2, 1, 5]);
    const availability = (minAvailable: string): number =>
      configOf({ availability: { minAvailable } }, 5).availability.minAvailable;
    assert.deepEqual(
      [availability('50%'), availability('1%'), availability('0%'), availability('100%')],
      [3, 1, 0, 5],
    );
  });

  it('gives each node the hooks of all, its own before them', () => {
    const hooks = { beforeStart: './deploy.sh', rollBack: ['./back.sh', 'now'], timeout: '1m' };
    const { nodes } = configOf({ rollout: { hooks }, first: { hooks: { beforeStart: './own.sh' } } });
    assert.deepEqual(nodes[0]?.hooks, {
      beforeStart: './own.sh',
      rollBack: ['./back.sh', 'now'],
      timeoutMs: 60_000,
    });
    assert.equal(nodes[1]?.hooks?.beforeStart, './deploy.sh');
  });

  it('tells what cannot be meant', () => {
    assert.deepEqual(problemsOf({ rollout: { canary: 4 } }), [
      'rollout.canary must be fewer than the nodes (4): current value is 4',
    ]);
    assert.match(
      problemsOf({ rollout: { soak: '1s' } })[0] ?? '',
      /^rollout.soak must be left out where no canary/,
    );
    assert.match(
      problemsOf({ rollout: { batch: 5 } })[0] ?? '',
      /^rollout.batch must be at most the number of nodes/,
    );
    assert.match(
      problemsOf({ rollout: { batch: '0%' } })[0] ?? '',
      /must be a number of nodes from 1, or a percentage/,
    );
    assert.match(
      problemsOf({ rollout: { success: { maxErrorRate: 1 } } })[0] ?? '',
      /percentage such as 1% or 0.5%/,
    );
    assert.match(
      problemsOf({ availability: { minAvailable: 5 } })[0] ?? '',
      /at most the number of nodes \(4\)/,
    );
    assert.match(problemsOf({ availability: { minAvailable: '101%' } })[0] ?? '', /percentage such as 50%/);
  });

  it('is overridden for one rollout, which needs somebody besides the canary', () => {
    const { rollout } = configOf({ rollout: { canary: 1 } });
    assert.equal(resolveRollout(rollout, { batch: 2, soakMs: 0 }, 4).batch, 2);
    assert.equal(resolveRollout(rollout, { minRequests: 5 }, 4).success.isDemanded, true);
    assert.equal(resolveRollout(rollout, {}, 1).canary, 0, 'of one node alone nobody goes first');
    assert.throws(() => resolveRollout(rollout, { canary: 4 }, 4), { code: 'usage' });
  });
});
