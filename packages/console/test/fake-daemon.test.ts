import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { createApiClient, type EventUpdate } from '@lameduck/client';
import { type ApiEvent, type OperationKind, operationKinds } from '@lameduck/core';
import { errorBody, time } from '../../controller/dist/api/schemas/common.js';
import {
  historyDetail,
  historyEntry,
  operationLine,
  operationReport,
  rolloutReport,
  rolloutStatus,
} from '../../controller/dist/api/schemas/report.js';
import {
  auditEntry,
  edgeView,
  nodeStatus,
  pausedAnswer,
  preview,
  serviceFlags,
  serviceStatus,
  trafficSample,
} from '../../controller/dist/api/schemas/status.js';
import { FakeDaemon } from './support/fake-daemon.ts';

type Schema = typeof nodeStatus;

/** As the schema of the real API has it, and with nothing that the real one does not tell. */
function conforms(schema: Schema, value: unknown): void {
  assert.deepEqual(schema.parse(value), value);
}

/** The data of each event; `operation` and `checks` have no schema of their own, and are looked at in parts. */
const eventSchemas = {
  status: serviceStatus,
  node: nodeStatus,
  edge: edgeView,
  service: serviceFlags,
  rollout: rolloutStatus,
  traffic: trafficSample,
  audit: auditEntry,
} as const;

function conformsEvent(event: ApiEvent): void {
  if (event.event === 'operation') conformsOperation(event.data);
  else if (event.event === 'checks') conformsChecks(event.data);
  else conforms(eventSchemas[event.event], event.data);
}

function conformsOperation({
  id,
  at,
  operation,
  ...progress
}: (ApiEvent & { event: 'operation' })['data']): void {
  assert.ok(Number.isInteger(id));
  conforms(time, at);
  assert.ok(operationKinds.includes(operation));
  if (progress.type === 'began') assert.deepEqual(Object.keys(progress).sort(), ['node', 'type']);
  else if (progress.type === 'ended') conforms(operationReport, progress.report);
  else conforms(operationLine, progress);
}

function conformsChecks({ at, checks }: (ApiEvent & { event: 'checks' })['data']): void {
  conforms(time, at);
  assert.ok(checks.length > 0);
  for (const { node, ms, passed, detail, ...more } of checks) {
    const types = [typeof node, typeof ms, typeof passed, typeof detail];
    assert.deepEqual(types, ['string', 'number', 'boolean', passed ? 'undefined' : 'string']);
    assert.deepEqual(more, {});
  }
}

describe('the daemon that is only played', () => {
  let daemon: FakeDaemon;
  const stop = new AbortController();
  const events: EventUpdate[] = [];
  let listening: Promise<void>;

  before(async () => {
    daemon = await FakeDaemon.start({ hasPast: true, stepMs: 1 });
    listening = listen();
  });
  after(async () => {
    stop.abort();
    await listening;
    await daemon.close();
  });

  async function listen(): Promise<void> {
    const client = createApiClient({ fetch, url: daemon.url.replace(/\/$/, '') });
    for await (const update of client.events(stop.signal)) events.push(update);
  }

  async function ask(path: string, body?: object): Promise<Response> {
    const posted = { method: 'POST', body: JSON.stringify(body) };
    return fetch(`${daemon.url}v1/${path}`, body === undefined ? {} : posted);
  }

  async function get(path: string): Promise<unknown> {
    return (await ask(path)).json();
  }

  async function linesOf(path: string, body: object): Promise<unknown[]> {
    const text = await (await ask(path, body)).text();
    return text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
  }

  it('answers every question as the real API is described', async () => {
    conforms(serviceStatus, await get('status'));
    for (const [path, schema] of [
      ['traffic?since=0', trafficSample],
      ['history?limit=50', historyEntry],
      ['audit?limit=50', auditEntry],
    ] as const) {
      const list = (await get(path)) as unknown[];
      assert.ok(list.length > 0, path);
      for (const entry of list) conforms(schema, entry);
    }
    conforms(historyDetail, await get('history/1'));
    for (const kind of operationKinds) conforms(preview, await get(`preview/${kind}/b`));
    conforms(errorBody, await get('nonsense'));
  });

  it('tells operations, refusals among them, in the lines of the real API', async () => {
    const answers: string[] = [];
    const run = async (kind: OperationKind, node: string, body: object = {}): Promise<void> => {
      const lines = await linesOf(`nodes/${node}/${kind}`, body);
      for (const line of lines) conforms(operationLine, line);
      answers.push((lines.at(-1) as { report: { result: string } }).report.result);
    };
    await run('restart', 'a');
    await run('drain', 'a');
    await run('drain', 'b');
    await run('drain', 'c');
    await run('drain', 'c', { force: true });
    for (const node of ['a', 'b', 'c']) await run('ready', node);
    await run('stop', 'a');
    await run('start', 'a');
    assert.deepEqual(answers, [
      ...[
        'exited',
        'drained',
        'drained',
        'refused',
        'drained',
        'ready',
        'ready',
        'ready',
        'exited',
        'started',
      ],
    ]);
  });

  it('steers rollouts and pauses as the real API does', async () => {
    daemon.hold('drain');
    const rolled = linesOf('rollout', {});
    await daemonHas('rollout');
    for (const command of ['pause', 'resume', 'abort']) {
      conforms(rolloutStatus, await (await ask(`rollout/${command}`, {})).json());
    }
    daemon.release('drain');
    for (const line of await rolled) conforms(operationLine, line);
    conforms(rolloutReport, ((await rolled).at(-1) as { report: unknown }).report);
    conforms(pausedAnswer, await (await ask('pause', {})).json());
    conforms(serviceStatus, await get('status'));
    conforms(pausedAnswer, await (await ask('resume', {})).json());
  });

  /** Resolves when an event of this name has come. */
  async function daemonHas(name: string): Promise<void> {
    const deadline = AbortSignal.timeout(10_000);
    while (!events.some(({ event }) => event === name)) {
      deadline.throwIfAborted();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  it('tells every event as the real API does', async () => {
    daemon.service.tick();
    daemon.service.setState('b', 'unhealthy', 'status 503');
    daemon.service.tick();
    daemon.service.note('drain', 'b', 'last');
    await daemonHas('checks');
    const told = events.filter((update): update is ApiEvent => 'data' in update);
    const names = new Set(told.map(({ event }) => event));
    assert.deepEqual([...names].sort(), ['checks', 'operation', ...Object.keys(eventSchemas)].sort());
    for (const event of told) conformsEvent(event);
  });
});
