import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { describe, it } from 'node:test';
import type { NodeStatus, OperationEventData } from '@lameduck/core';
import { listen, tokens, useApi } from '../support/api.ts';
import { until } from '../support/rig.ts';

describe('the events of the API', () => {
  const served = useApi();

  it('begin with the whole state', async () => {
    const client = await listen(served.api.port);
    const { event, data } = await client.until(() => true);
    assert.equal(event, 'status');
    assert.deepEqual(
      (data as { nodes: NodeStatus[] }).nodes.map(({ name }) => name),
      ['a', 'b', 'c'],
    );
    client.close();
  });

  it('tell an operation from its begin to its report, and each state of its node', async () => {
    const client = await listen(served.api.port);
    await client.until(({ event }) => event === 'status');
    const answer = await served.api.ask('POST', '/v1/nodes/a/drain');
    assert.equal(answer.status, 200);
    const ended = await client.until(
      ({ event, data }) => event === 'operation' && (data as { type: string }).type === 'ended',
    );
    const told = client.events
      .filter(({ event }) => event === 'operation')
      .map(({ data }) => data as OperationEventData);
    assert.equal(told[0]?.type, 'began');
    assert.equal(new Set(told.map(({ id }) => id)).size, 1);
    const { id } = ended.data as OperationEventData;
    const detail = (await served.api.ask('GET', `/v1/history/${id}`)).json as {
      proofs: unknown[];
      steps: { name: string; ms: number }[];
    };
    assert.deepEqual(
      detail.steps.map(({ name }) => name),
      ['check', 'remove', 'drain'],
    );
    await client.until(({ event, data }) => event === 'node' && (data as NodeStatus).state === 'drained');
    await client.until(
      ({ event, data }) => event === 'audit' && (data as { result: string }).result === 'drained',
    );
    await client.until(
      ({ event, data }) => event === 'edge' && (data as { out: string[] }).out.join() === 'a',
    );
    await client.until(({ event }) => event === 'checks');
    assert.equal((await served.api.ask('POST', '/v1/nodes/a/ready')).status, 200);
    client.close();
  });

  it('tell of a weight that is set at run time', async () => {
    const client = await listen(served.api.port);
    await client.until(({ event }) => event === 'status');
    assert.equal((await served.api.ask('POST', '/v1/nodes/b/weight', { body: '{"weight":6}' })).status, 200);
    const told = await client.until(
      ({ event, data }) => event === 'node' && (data as NodeStatus).configuredWeight !== undefined,
    );
    const { name, weight, configuredWeight } = told.data as NodeStatus;
    assert.deepEqual([name, weight, configuredWeight], ['b', 6, 1]);
    client.close();
  });

  it('miss nothing after a reconnect: what came meanwhile comes first, in order and once', async () => {
    const first = await listen(served.api.port);
    const { id } = await first.until(({ event }) => event === 'status');
    first.close();
    assert.equal((await served.api.ask('POST', '/v1/nodes/b/drain')).status, 200);
    assert.equal((await served.api.ask('POST', '/v1/nodes/b/ready')).status, 200);
    const second = await listen(served.api.port, id);
    await second.until(
      ({ event, data }) =>
        event === 'operation' &&
        (data as { type: string; operation: string }).type === 'ended' &&
        (data as { operation: string }).operation === 'ready',
    );
    const numbers = second.events.map((event) => Number(event.id.split('-')[1]));
    assert.equal(
      second.events.some(({ event }) => event === 'status'),
      false,
    );
    assert.deepEqual(
      numbers,
      numbers.map((_, index) => Number(id.split('-')[1]) + 1 + index),
    );
    second.close();
  });

  it('begin anew with the whole state after an id that nobody knows', async () => {
    for (const unknown of ['', '00000000-5', 'x', `${'9'.repeat(90)}`]) {
      const client = await listen(served.api.port, unknown);
      assert.equal((await client.until(() => true)).event, 'status', unknown);
      client.close();
    }
  });

  it('let go of a client that does not read, and keep no more than a bound for it', async () => {
    const socket = connect(served.api.port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write(
      `GET /v1/events HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${tokens.eyes}\r\n\r\n`,
    );
    socket.pause();
    const { bus } = served.rig.controller.events;
    await until('it listens', () => bus.listeners === 1);
    const before = process.memoryUsage().rss;
    const detail = 'x'.repeat(50_000);
    for (let sent = 0; sent < 2000 && bus.listeners > 0; sent += 1) {
      bus.publish('checks', {
        at: new Date().toISOString(),
        checks: [{ node: 'a', ms: 1, passed: false, detail }],
      });
      if (sent % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 25));
    }
    await until('it is let go', () => bus.listeners === 0);
    const grown = (process.memoryUsage().rss - before) / 1024 / 1024;
    assert.ok(grown < 200, `${grown} MiB`);
    socket.destroy();
  });
});
