import assert from 'node:assert/strict';
import { describe, it, mock } from 'node:test';
import { LameduckError, latencyBucketsMs } from '@lameduck/core';
import { families } from '../../src/metrics/families.ts';
import { until, useRigs } from '../support/rig.ts';
import { readPage, sampleOf } from './read-page.ts';

const { openRig } = useRigs();
const ignore = (): void => undefined;
const bucket = (place: number, count: number): number[] =>
  Array.from({ length: latencyBucketsMs.length + 1 }, (_, index) => (index === place ? count : 0));

describe('the metrics of a controller', () => {
  it('tell edges and nodes as they are', async () => {
    const rig = await openRig({ edges: 2 });
    rig.edges[0]?.setInFlight('a', 3);
    rig.edges[1]?.setInFlight('a', 1);
    await rig.controller.operate('drain', 'b', ignore);
    const page = readPage(await rig.controller.metrics.render());
    assert.equal(sampleOf(page, 'lameduck_edge_up{edge="e0"}'), 1);
    assert.equal(sampleOf(page, 'lameduck_edge_mode{edge="e1",mode="gate"}'), 1);
    assert.equal(sampleOf(page, 'lameduck_edge_mode{edge="e1",mode="reload"}'), 0);
    assert.equal(sampleOf(page, 'lameduck_edge_converged{edge="e0"}'), 1);
    assert.equal(sampleOf(page, 'lameduck_node_state{node="b",state="drained"}'), 1);
    assert.equal(sampleOf(page, 'lameduck_node_state{node="b",state="ready"}'), 0);
    assert.equal(sampleOf(page, 'lameduck_node_in_rotation{node="a"}'), 1);
    assert.equal(sampleOf(page, 'lameduck_node_in_rotation{node="b"}'), 0);
    assert.equal(sampleOf(page, 'lameduck_node_requests_in_flight{node="a"}'), 4);
    assert.equal(sampleOf(page, 'lameduck_nodes_min_available'), 1);
    assert.equal(sampleOf(page, 'lameduck_panic'), 0);
    assert.ok((sampleOf(page, 'lameduck_checks_total{node="a",result="passed"}') ?? 0) > 0);
    assert.ok((sampleOf(page, 'lameduck_store_duration_seconds_count{call="txn"}') ?? 0) > 0);
  });

  it('count operations, their phases, and what became of requests and processes', async () => {
    const rig = await openRig();
    const before = readPage(await rig.controller.metrics.render());
    assert.equal(sampleOf(before, 'lameduck_operations_total{kind="restart",result="exited"}'), 0);
    rig.edges[0]?.setInFlight('a', 7);
    const restart = rig.controller.operate('restart', 'a', ignore);
    await until('it is under way', async () => {
      const page = readPage(await rig.controller.metrics.render());
      return sampleOf(page, 'lameduck_operations_in_progress{kind="restart"}') === 1;
    });
    rig.edges[0]?.setInFlight('a', 0);
    const report = await restart;
    const page = readPage(await rig.controller.metrics.render());
    const { operation: kind, result } = report;
    assert.equal(sampleOf(page, `lameduck_operations_total{kind="${kind}",result="${result}"}`), 1);
    assert.equal(sampleOf(page, 'lameduck_operations_in_progress{kind="restart"}'), 0);
    assert.equal(sampleOf(page, 'lameduck_operation_requests_answered_total{node="a"}'), report.answered);
    assert.equal(sampleOf(page, 'lameduck_operation_requests_lost_total{node="a"}'), report.lost);
    for (const { name } of report.phases) {
      const count = `lameduck_operation_phase_duration_seconds_count{phase="${name}"}`;
      assert.equal(sampleOf(page, count), 1, count);
    }
  });

  it('have the traffic by node and edge; that of a node never falls when one edge is started anew', async () => {
    const rig = await openRig({ edges: 2 });
    const [one, other] = rig.edges;
    one?.addTraffic('a', { requests: 100, errors: 3, latency: bucket(0, 100), latencySumMs: 100 });
    await rig.controller.metrics.render();
    other?.addTraffic('a', { requests: 20, latency: bucket(5, 20), latencySumMs: 800 });
    await until('a second is over', async () => {
      const page = readPage(await rig.controller.metrics.render());
      return sampleOf(page, 'lameduck_node_requests_total{node="a",edge="e1"}') === 20;
    });
    const page = readPage(await rig.controller.metrics.render());
    assert.equal(sampleOf(page, 'lameduck_node_requests_total{node="a",edge="e0"}'), 100);
    assert.equal(sampleOf(page, 'lameduck_node_request_errors_total{node="a",edge="e0"}'), 3);
    assert.equal(sampleOf(page, 'lameduck_edge_request_duration_seconds_bucket{edge="e0",le="0.001"}'), 100);
    assert.equal(sampleOf(page, 'lameduck_edge_request_duration_seconds_count{edge="e1"}'), 20);
    const count = 'lameduck_node_request_duration_seconds_count{node="a"}';
    assert.equal(sampleOf(page, count), 20);
    one?.addTraffic('a', { requests: -99, errors: -3, latency: bucket(0, -99), latencySumMs: -99 });
    await until('the fall was seen', async () => {
      const later = readPage(await rig.controller.metrics.render());
      return sampleOf(later, 'lameduck_node_requests_total{node="a",edge="e0"}') === 1;
    });
    assert.equal(sampleOf(readPage(await rig.controller.metrics.render()), count), 21);
  });

  it('are given in time by edges that do not answer: those are down, and the page is whole', async () => {
    const rig = await openRig({ edges: 2 });
    for (const edge of rig.edges.slice(0, 1)) {
      mock.method(edge, 'status', () => new Promise(ignore));
      mock.method(edge, 'traffic', () => Promise.reject(new LameduckError('edgeUnproven', 'silent')));
    }
    const beganAt = performance.now();
    const page = readPage(await rig.controller.metrics.render());
    assert.ok(performance.now() - beganAt < 5000);
    assert.equal(sampleOf(page, 'lameduck_edge_up{edge="e0"}'), 0);
    assert.equal(sampleOf(page, 'lameduck_edge_converged{edge="e0"}'), 0);
    assert.equal(sampleOf(page, 'lameduck_edge_up{edge="e1"}'), 1);
    assert.equal(sampleOf(page, 'lameduck_node_in_rotation{node="a"}'), 1);
  });

  it('have each name once, by the conventions, and no label without a bound', () => {
    const all = Object.values(families);
    assert.equal(new Set(all.map(({ name }) => name)).size, all.length);
    const bounded = 'node edge kind result state mode phase call version node_version service'.split(' ');
    for (const { name, type, labels, help } of all) {
      assert.match(name, /^lameduck_[a-z_]+$/);
      assert.equal(name.endsWith('_total'), type === 'counter', name);
      if (type === 'histogram') assert.match(name, /_duration_seconds$/);
      assert.ok(help.length > 5 && !help.endsWith('.'));
      for (const label of labels) assert.ok(bounded.includes(label), `${name} ${label}`);
    }
  });
});
