import assert from 'node:assert/strict';
import EventEmitter from 'node:events';
import { createServer, type Server } from 'node:http';
import { type TestContext, test } from 'node:test';
import { listenAttached } from './support/attached-server.ts';
import { fetchText } from './support/raw-client.ts';

type Emit = (event: string, ...args: unknown[]) => boolean;

/** Answers each request by what `names` holds when it is over, and empties it. */
async function start(t: TestContext, server: Server, names: string[]): Promise<() => Promise<string>> {
  const port = await listenAttached(t, server);
  return async () => {
    await fetchText(port, '/');
    return names.splice(0).join(' ');
  };
}

test('requests go to every listener, with the server as this, as listeners come and go', async (t) => {
  const names: string[] = [];
  const server = createServer(function first(this: Server, _request, response) {
    assert.equal(this, server);
    names.push('first');
    setImmediate(() => response.end());
  });
  const ask = await start(t, server, names);
  assert.equal(await ask(), 'first');
  server.once('request', () => names.push('once'));
  assert.equal(await ask(), 'first once');
  assert.equal(await ask(), 'first');
  const second = (): void => void names.push('second');
  server.prependListener('request', second);
  assert.equal(await ask(), 'second first');
  server.off('request', second);
  assert.equal(await ask(), 'first');
  const [first] = server.listeners('request') as (() => void)[];
  server.removeAllListeners('request');
  server.on('request', first as () => void).on('request', second);
  assert.equal(await ask(), 'first second');
});

test('who watches emit sees each request', async (t) => {
  const names: string[] = [];
  const server = createServer((_request, response) => response.end());
  const { emit } = server;
  server.emit = ((event: string, ...args: unknown[]) => {
    if (event === 'request') names.push('agent');
    return (emit as Emit).call(server, event, ...args);
  }) as Server['emit'];
  const ask = await start(t, server, names);
  assert.equal(await ask(), 'agent');
  assert.equal(await ask(), 'agent');
});

test('a rejection of the listener is captured where that is wanted', async (t) => {
  t.after(() => {
    EventEmitter.captureRejections = false;
  });
  EventEmitter.captureRejections = true;
  const server = createServer(async () => {
    throw new Error('not today');
  });
  const port = await listenAttached(t, server);
  // Node answers itself then; without it the process would end
  assert.match(await fetchText(port, '/'), /^HTTP\/1.1 500 /);
});
