import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { apiRoutes } from '../../src/api/routes.ts';
import { errorBody } from '../../src/api/schemas/common.ts';
import { type Answer, tokens, useApi } from '../support/api.ts';

interface Operation {
  readonly method: string;
  readonly path: string;
  readonly responses: Record<string, unknown>;
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
}

const file = join(import.meta.dirname, '..', '..', 'openapi.json');
const { paths } = JSON.parse(readFileSync(file, 'utf8')) as {
  paths: Record<string, Record<string, Omit<Operation, 'method' | 'path'>>>;
};
const operations = Object.entries(paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(
    ([method, rest]): Operation => ({ method: method.toUpperCase(), path, ...rest }),
  ),
);

/** Words that the API knows beside words that it does not. */
const word = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.constantFrom(
      'a',
      'b',
      'c',
      'drain',
      'ready',
      'stop',
      'start',
      'restart',
      'pause',
      'resume',
      'abort',
      '1',
      '2',
      '20',
    ),
  },
  fc.string({ maxLength: 80 }),
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.constantFrom('..', '%00', '0', '-1', '1e9', '999999999999999999999', '__proto__', 'constructor', ' '),
);
const body = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      '',
      '{}',
      '{"batch":1}',
      '{"batch":2}',
      '{"force":true}',
      '{"pid":1,"waitMs":1}',
    ),
  },
  fc.json({ maxDepth: 3 }),
  fc.string({ maxLength: 200 }),
  fc
    .record({ batch: fc.anything({ maxDepth: 1 }), pid: fc.anything({ maxDepth: 1 }) })
    .map((value) => JSON.stringify(value) ?? ''),
);
const asked = fc.record({
  operation: fc.constantFrom(...operations.filter(({ path }) => path !== '/v1/events')),
  words: fc.array(word, { minLength: 6, maxLength: 6 }),
  query: fc.array(
    fc.tuple(fc.constantFrom('limit', 'before', 'search', 'node', 'since', 'lines', 'other'), word),
    { maxLength: 3 },
  ),
  body,
  token: fc.constantFrom(tokens.ops, tokens.ops, tokens.ops, tokens.eyes),
  key: fc.option(fc.constantFrom('k1', 'k2', ' ', 'x'.repeat(300)), { nil: undefined }),
});

describe('the API against its own description', () => {
  const served = useApi({
    rig: { config: { shutdown: { timeoutGracefulShutdown: '1s', margin: '1s', drainTimeout: '20ms' } } },
    api: { traffic: { subscribe: () => () => {}, window: () => [] }, metrics: async () => 'up 1\n' },
  });

  const schemas = new Map(
    apiRoutes({ controller: {} } as never, {} as never).map((route) => [
      `${route.method.toUpperCase()} ${route.path}`,
      route,
    ]),
  );

  function check({ method, path, responses }: Operation, answer: Answer): void {
    const name = `${method} ${path} ${answer.status} ${answer.text.slice(0, 300)}`;
    assert.notEqual(answer.status, 500, name);
    assert.equal(answer.headers['lameduck-api'], '1', name);
    assert.ok(Object.hasOwn(responses, String(answer.status)), `a declared status: ${name}`);
    if (answer.status !== 200) return void errorBody.parse(answer.json);
    const route = schemas.get(`${method} ${path}`);
    assert.ok(route);
    const { type, schema } = route.answer;
    assert.ok(answer.headers['content-type']?.startsWith(type), name);
    if (type === 'text/plain') return;
    const documents = type === 'application/x-ndjson' ? answer.lines : [JSON.parse(answer.text)];
    for (const document of documents) {
      const parsed = schema.safeParse(document);
      assert.ok(parsed.success, `${name}: ${parsed.error}`);
    }
  }

  it('answers whatever it is asked with a declared status and a document of the declared shape, never with 500', async () => {
    let answered = 0;
    await fc.assert(
      fc.asyncProperty(asked, async ({ operation, words, query, body, token, key }) => {
        const left = [...words];
        const path = operation.path.replace(/\{\w+\}/g, () =>
          encodeURIComponent((left.pop() ?? 'a').toWellFormed() || 'a'),
        );
        // another path than the one that is described: what it answers is not declared here
        fc.pre(!/\/(\.|%2e){1,2}(\/|$)/i.test(path));
        const search = new URLSearchParams(
          query.map(([name, value]): [string, string] => [name, value.toWellFormed()]),
        ).toString();
        const headers = key === undefined || operation.method === 'GET' ? {} : { 'idempotency-key': key };
        const target = `${path}${search === '' ? '' : `?${search}`}`;
        const sent = operation.method === 'POST' ? { body } : {};
        const answer = await served.api.ask(operation.method, target, { ...sent, token, headers });
        check(operation, answer);
        if (answer.status === 200) answered += 1;
      }),
      { numRuns: 400, endOnFailure: true },
    );
    assert.ok(answered > 40, `${answered} answered`);
  });

  it('has a document of the declared shape for every look', async () => {
    await served.api.ask('POST', '/v1/nodes/a/restart', { body: '{}' });
    for (const operation of operations.filter(
      ({ method, path }) => method === 'GET' && path !== '/v1/events',
    )) {
      const path = operation.path.replace('{node}', 'a').replace('{operation}', 'stop').replace('{id}', '1');
      check(operation, await served.api.ask('GET', path));
    }
  });
});
