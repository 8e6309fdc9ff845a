import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import net from 'node:net';
import { test } from 'node:test';
import { warmUp } from '../src/warm-up.ts';

const started = 'http.server.request.start';
const isLinux = process.platform === 'linux';

/** How many requests Node's HTTP server began meanwhile. */
async function requestsOf(run: () => Promise<void>): Promise<number> {
  let count = 0;
  const note = (): void => {
    count += 1;
  };
  subscribe(started, note);
  await run();
  unsubscribe(started, note);
  return count;
}

test('it serves four requests to itself, and leaves nothing open', { skip: !isLinux }, async () => {
  assert.equal(await requestsOf(warmUp), 4);
  assert.ok(!process.getActiveResourcesInfo().includes('PipeServerWrap'));
  // The socket without a file is free again.
  assert.equal(await requestsOf(warmUp), 4);
});

test('it is left out where a preloaded module might watch', async (t) => {
  const { NODE_OPTIONS } = process.env;
  t.after(() => {
    if (NODE_OPTIONS === undefined) delete process.env.NODE_OPTIONS;
    else process.env.NODE_OPTIONS = NODE_OPTIONS;
  });
  for (const option of ['--require ./agent.cjs', '-r ./agent.cjs', '--import=./agent.mjs']) {
    process.env.NODE_OPTIONS = option;
    assert.equal(await requestsOf(warmUp), 0, option);
  }
});

test('it never fails, nor waits, where its socket is taken', { skip: !isLinux }, async (t) => {
  const other = net.createServer().listen({ path: `\0lameduck-warm-up-${process.pid}` });
  t.after(() => other.close());
  await once(other, 'listening');
  assert.equal(await requestsOf(warmUp), 0);
});
