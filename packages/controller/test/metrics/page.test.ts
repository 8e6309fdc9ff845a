import assert from 'node:assert/strict';
import { it } from 'node:test';
import { noTraffic } from '@lameduck/core';
import fc from 'fast-check';
import { Histogram } from '../../src/metrics/histogram.ts';
import { NodeSums } from '../../src/metrics/node-sums.ts';
import { type Family, MetricsPage } from '../../src/metrics/page.ts';
import { readPage } from './read-page.ts';

const plain: Family = { name: 'x', type: 'gauge', help: 'What it is', labels: [] };
const named: Family = { name: 'y', type: 'counter', help: 'What it is', labels: ['a', 'b'] };
const timed: Family = { name: 'z_seconds', type: 'histogram', help: 'What it is', labels: ['a'] };

it('a page has each metric once with its type, whatever the order of its samples', () => {
  const page = new MetricsPage();
  page.add(named, ['1', '2'], 3);
  page.add(plain, [], Number.NaN);
  page.add(named, ['back\\slash', 'a "quote"\nand a line'], Number.POSITIVE_INFINITY);
  assert.equal(
    page.toString(),
    [
      '# HELP y What it is',
      '# TYPE y counter',
      'y{a="1",b="2"} 3',
      'y{a="back\\\\slash",b="a \\"quote\\"\\nand a line"} +Inf',
      '# HELP x What it is',
      '# TYPE x gauge',
      'x NaN',
      '',
    ].join('\n'),
  );
});

it('the buckets of a histogram rise up to its count', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 20, noNaN: true })), (values) => {
      const histogram = new Histogram([0.5, 1, 10]);
      for (const value of values) histogram.observe(value);
      const page = new MetricsPage();
      page.addHistogram(timed, ['n'], histogram);
      const read = readPage(page.toString());
      const atMost = (bound: number): number => values.filter((value) => value <= bound).length;
      for (const bound of [0.5, 1, 10])
        assert.equal(read.get(`z_seconds_bucket{a="n",le="${bound}"}`), atMost(bound));
      assert.equal(read.get('z_seconds_bucket{a="n",le="+Inf"}'), values.length);
      assert.equal(read.get('z_seconds_count{a="n"}'), values.length);
    }),
  );
});

it('the sum of a node over its edges never falls, and has all that came, whichever edge is started anew', () => {
  const step = fc.record({ edge: fc.constantFrom('e', 'f'), requests: fc.nat(50), isNew: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const sums = new NodeSums();
      const now = new Map([
        ['e', 100],
        ['f', 7],
      ]);
      const read = (): number => {
        const edges = new Map(
          [...now].map(([edge, requests]) => [
            edge,
            new Map([['a', { ...noTraffic, requests, inFlight: 0 }]]),
          ]),
        );
        return sums.add({ atMs: 0, edges }).get('a')?.requests ?? 0;
      };
      let expected = read();
      assert.equal(expected, 0, 'what came before the first reading is not of our time');
      for (const { edge, requests, isNew } of steps) {
        const before = now.get(edge) ?? 0;
        // started anew it counts from 0; that it is so can be told only where it has less than before
        const after = isNew && requests < before ? requests : before + requests;
        now.set(edge, after);
        expected += requests;
        assert.equal(read(), expected);
      }
    }),
  );
});
