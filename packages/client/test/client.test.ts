import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type ApiError, createApiClient, type EventUpdate, type Fetch } from '../src/index.ts';

/** An API that answers with these texts, in turn; `broken` ends in the middle. */
function api(...answers: (() => Response | Promise<Response>)[]): {
  fetch: Fetch;
  asked: { url: string; headers: Record<string, string> }[];
} {
  const asked: { url: string; headers: Record<string, string> }[] = [];
  const left = [...answers];
  const fetch: Fetch = async (url, asking) => {
    asked.push({ url, headers: { ...asking.headers } });
    const next = left.shift();
    if (next === undefined) throw new TypeError('fetch failed');
    return next();
  };
  return { fetch, asked };
}

function answer(text: string, status = 200, headers: Record<string, string> = {}): () => Response {
  return () =>
    new Response(text, { status, headers: { 'lameduck-api': '1', 'lameduck-version': '0.1.0', ...headers } });
}

/** Breaks off after the text. */
function broken(text: string): () => Response {
  const stream = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new TextEncoder().encode(text)),
    pull: (controller) => controller.error(new Error('socket hang up')),
  });
  return () => new Response(stream, { headers: { 'lameduck-api': '1' } });
}

function client({ fetch }: { fetch: Fetch }): ReturnType<typeof createApiClient> {
  return createApiClient({ fetch, url: 'http://x', token: 'secret-secret-secret' });
}

const refused = (code: string) => (thrown: unknown) => {
  assert.equal((thrown as ApiError).code, code);
  assert.ok(!(thrown as ApiError).message.includes('secret'));
  return true;
};

describe('the client of the API', () => {
  it('sends its revision and its token, never in the URL', async () => {
    const served = api(answer('[]'));
    await client(served).history({ limit: 5, search: 'a b&c' });
    const [{ url, headers } = { url: '', headers: {} }] = served.asked;
    assert.equal(url, 'http://x/v1/history?limit=5&search=a%20b%26c');
    assert.equal((headers as Record<string, string>)['lameduck-api'], '1');
    assert.equal((headers as Record<string, string>)['authorization'], 'Bearer secret-secret-secret');
  });

  it('says which side is older where the API speaks another revision, or none', async () => {
    const newer = client(api(answer('{}', 200, { 'lameduck-api': '2', 'lameduck-version': '1.0.0' })));
    await assert.rejects(newer.status(), (thrown: ApiError) => {
      assert.match(thrown.message, /lameduck 1\.0\.0.*newer: update this side/);
      return refused('apiMismatch')(thrown);
    });
    const older = client(api(answer('{}', 200, { 'lameduck-api': '0' })));
    await assert.rejects(older.status(), /older: update the daemon/);
    const other = client(api(() => new Response('<html>', { status: 200 })));
    await assert.rejects(other.status(), refused('notTheApi'));
  });

  it('sets the weight of a node, and gives what it was', async () => {
    const served = api(answer('{"node":"a","weight":3,"configured":1,"before":1}'));
    assert.equal((await client(served).setWeight('a', 3)).before, 1);
    assert.deepEqual(
      served.asked.map(({ url }) => url),
      ['http://x/v1/nodes/a/weight'],
    );
  });

  it('throws what the API says with its code, and a proxy that answers instead of it as what it is', async () => {
    const body = JSON.stringify({ error: { code: 'busy', message: 'Cannot', details: { node: 'a' } } });
    await assert.rejects(client(api(answer(body, 409))).pause(), refused('busy'));
    await assert.rejects(client(api(answer('<html>', 502))).pause(), refused('notTheApi'));
    await assert.rejects(client(api()).status(), refused('unreachable'));
  });

  it('gives the steps of an operation, then its report', async () => {
    const lines = [
      { type: 'phase', node: 'a', phase: 'check' },
      { type: 'report', report: { result: 'drained' } },
    ];
    const steps: unknown[] = [];
    const report = await client(api(answer(lines.map((line) => JSON.stringify(line)).join('\n')))).operate(
      'drain',
      'a',
      (step) => steps.push(step),
    );
    assert.equal(report.result, 'drained');
    assert.equal(steps.length, 1);
  });

  it('says so where the daemon goes away in the middle of an operation: broken off, or just ended', async () => {
    const line = '{"type":"phase","node":"a","phase":"check"}\n';
    for (const end of [broken(line), answer(line)]) {
      await assert.rejects(
        client(api(end)).operate('drain', 'a', () => {}),
        refused('wentAway'),
      );
    }
  });

  it('takes events up again after the last one that came', async () => {
    const event = (id: string): string => `id: ${id}\nevent: node\ndata: {"name":"${id}"}\n\n`;
    const served = api(
      broken(`retry: 1000\n\n:\n\n${event('x-1')}${event('x-2')}id: x-3\nevent: no`),
      answer(event('x-3')),
    );
    const stop = new AbortController();
    const got: EventUpdate[] = [];
    for await (const update of client(served).events(stop.signal)) {
      got.push(update);
      if ('id' in update && update.id === 'x-3') stop.abort();
    }
    assert.deepEqual(
      got.map((update) => ('id' in update ? update.id : update.event)),
      ['connected', 'x-1', 'x-2', 'disconnected', 'connected', 'x-3'],
    );
    assert.equal(served.asked[1]?.headers['last-event-id'], 'x-2');
  });

  it('reads events the same however the stream is cut into pieces', async () => {
    const text =
      'id: b-1\nevent: node\ndata: {"a":"ü"}\n\n: alive\n\nid: b-2\nevent: new\ndata: x\ndata: y\n\n';
    const bytes = new TextEncoder().encode(text);
    const whole = [
      { event: 'connected', role: 'viewer' },
      { id: 'b-1', event: 'node', data: { a: 'ü' } },
      { id: 'b-2', event: 'unreadable new', data: 'xy' },
    ];
    const cut = fc.array(fc.nat(bytes.length), { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(cut, async (cuts) => {
        const at = [0, ...cuts.sort((one, other) => one - other), bytes.length];
        const pieces = at.slice(1).map((end, index) => bytes.subarray(at[index], end));
        const body = ReadableStream.from(pieces) as ReadableStream<Uint8Array<ArrayBuffer>>;
        const headers = { 'lameduck-api': '1', 'lameduck-role': 'viewer' };
        const stop = new AbortController();
        const got: EventUpdate[] = [];
        for await (const update of client(api(() => new Response(body, { headers }))).events(stop.signal)) {
          got.push(update);
          if (got.length === whole.length) stop.abort();
        }
        assert.deepEqual(got, whole);
      }),
    );
  });

  it('begins after the event that is named, and asks for the token anew each time', async () => {
    const tokens = ['first', undefined];
    const served = api(answer(''), answer('[]'));
    const asking = createApiClient({ fetch: served.fetch, url: 'http://x', token: () => tokens.shift() });
    const stop = new AbortController();
    for await (const { event } of asking.events(stop.signal, 'b-7'))
      if (event === 'disconnected') stop.abort();
    await asking.audit({ search: '' });
    const [first, second] = served.asked;
    assert.equal(first?.headers['last-event-id'], 'b-7');
    assert.equal(first?.headers['authorization'], 'Bearer first');
    assert.deepEqual([second?.headers['authorization'], second?.url], [undefined, 'http://x/v1/audit']);
  });

  it('gives up a connection on which nothing comes, not even the comment that says it is alive', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const silent = (): Response =>
      new Response(
        new ReadableStream({ start: (controller) => controller.enqueue(new Uint8Array([58, 10])) }),
        {
          headers: { 'lameduck-api': '1' },
        },
      );
    const served: Fetch = async (_url, { signal }) => {
      const { status, headers, body } = silent();
      const reader = body?.getReader();
      const { promise: aborted, reject } = Promise.withResolvers<never>();
      signal?.addEventListener('abort', () => reject(signal.reason));
      const read = async () => {
        const next = reader?.read() ?? aborted;
        queueMicrotask(() => t.mock.timers.tick(36_000));
        return Promise.race([next, aborted]);
      };
      const cancel = async (): Promise<void> => {};
      return { status, headers, body: { getReader: () => ({ read, cancel }) }, text: async () => '' };
    };
    const stop = new AbortController();
    const got: string[] = [];
    for await (const { event } of client({ fetch: served }).events(stop.signal)) {
      got.push(event);
      if (event === 'disconnected') stop.abort();
    }
    assert.deepEqual(got, ['connected', 'disconnected']);
  });

  it('does not try again what no second try makes better', async () => {
    const body = JSON.stringify({ error: { code: 'unauthorized', message: 'Cannot' } });
    const events = client(api(answer(body, 401))).events(new AbortController().signal);
    await assert.rejects(events.next(), refused('unauthorized'));
  });
});
