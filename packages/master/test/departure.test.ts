import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { MasterProcess, temporaryDirectory, until } from './support/master-process.ts';
import { ask } from './support/requests.ts';

interface Announcement {
  readonly path: string | undefined;
  readonly body: { readonly pid: number; readonly waitMs: number };
  readonly response: ServerResponse;
}

/** Stands for a controller: the test answers each announcement by hand. */
class FakeController {
  readonly socket: string;
  readonly heard: Announcement[] = [];
  readonly #server = createServer((request, response) => void this.#hear(request, response));

  constructor(test: TestContext) {
    this.socket = join(temporaryDirectory(test), 'controller.sock');
    test.after(() => {
      this.#server.closeAllConnections();
      this.#server.close();
    });
  }

  async listen(): Promise<void> {
    await once(this.#server.listen(this.socket), 'listening');
  }

  async announcement(): Promise<Announcement> {
    await until('the master has announced itself', () => this.heard.length > 0);
    return this.heard[0] as Announcement;
  }

  async #hear(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks = await request.toArray();
    this.heard.push({ path: request.url, body: JSON.parse(Buffer.concat(chunks).toString()), response });
  }
}

async function startAnnouncing(
  test: TestContext,
  graceMs = 8000,
): Promise<{ controller: FakeController; master: MasterProcess; port: number }> {
  const controller = new FakeController(test);
  await controller.listen();
  const master = new MasterProcess(test, { graceMs, controller: { path: controller.socket, node: 'a' } });
  return { controller, master, port: await master.ready() };
}

/** The controller's first line: it has heard, and works. */
function accept({ response }: Announcement, then?: () => void): void {
  response.write(`${JSON.stringify({ type: 'phase', node: 'a', phase: 'check' })}\n`, then);
}

it('a master that is sent SIGTERM asks its controller and serves on as a lame duck until it is released', async (test) => {
  const { controller, master, port } = await startAnnouncing(test);
  master.signal('SIGTERM');
  const announcement = await controller.announcement();
  assert.equal(announcement.path, '/v1/nodes/a/leave');
  assert.deepEqual(announcement.body, { pid: master.pid, waitMs: 6000 });
  accept(announcement);
  await until('readiness fails', async () => (await ask(port, '/readyz')).status === 503);
  assert.equal((await ask(port, '/hello')).status, 200);
  master.signal('SIGTERM');
  assert.equal((await ask(port, '/hello')).status, 200);
  assert.equal(controller.heard.length, 1);
  await master.control('POST', '/linger', { ms: 0 });
  assert.deepEqual(await master.ended, { code: 0, signal: null });
  assert.ok(master.log.some(({ msg }) => msg === 'the controller has taken the node out of rotation'));
});

it('a master whose controller took it out before obeys SIGTERM without asking', async (test) => {
  const { controller, master } = await startAnnouncing(test);
  await master.control('POST', '/linger', { ms: 0 });
  master.signal('SIGTERM');
  assert.deepEqual(await master.ended, { code: 0, signal: null });
  assert.equal(controller.heard.length, 0);
});

it('a master that was put back into rotation asks anew, and no release of before counts', async (test) => {
  const { controller, master, port } = await startAnnouncing(test);
  await master.control('POST', '/linger', { ms: 0 });
  await master.control('POST', '/linger', { ms: null });
  master.signal('SIGTERM');
  const announcement = await controller.announcement();
  accept(announcement);
  await until('readiness fails', async () => (await ask(port, '/readyz')).status === 503);
  assert.equal((await ask(port, '/hello')).status, 200);
  assert.ok(!master.log.some(({ msg }) => msg === 'the controller has taken the node out of rotation'));
  await master.control('POST', '/linger', { ms: 0 });
  await master.waitLog(({ msg }) => msg === 'the controller has taken the node out of rotation');
  assert.deepEqual(await master.ended, { code: 0, signal: null });
});

const endings: readonly (readonly [string, (announcement: Announcement) => void, RegExp])[] = [
  ['refuses', ({ response }) => response.writeHead(404).end(), /status 200 is wanted: current value is 404/],
  ['dies while it works', (one) => accept(one, () => one.response.destroy()), /ended without a release/],
  ['never answers', () => undefined, /no answer within \d+ ms/],
];
for (const [how, answer, reason] of endings) {
  it(`a master whose controller ${how} leaves by itself and says why`, async (test) => {
    const { controller, master } = await startAnnouncing(test);
    master.signal('SIGTERM');
    answer(await controller.announcement());
    const line = await master.waitLog(({ msg }) => msg === 'leaving without the controller');
    assert.match(String(line.reason), reason);
    assert.deepEqual(await master.ended, { code: 0, signal: null });
  });
}

it('a master waits for its release no longer than three quarters of its graceful timeout', async (test) => {
  const { controller, master } = await startAnnouncing(test, 2000);
  const signalled = Date.now();
  master.signal('SIGTERM');
  accept(await controller.announcement());
  const line = await master.waitLog(({ msg }) => msg === 'leaving without the controller');
  assert.match(String(line.reason), /not released within 1500 ms/);
  assert.ok(line.time - signalled >= 1490, `left after ${line.time - signalled} ms`);
  assert.deepEqual(await master.ended, { code: 0, signal: null });
});

it('a master with a controller that is not there leaves by itself', async (test) => {
  const path = join(temporaryDirectory(test), 'nobody.sock');
  const master = new MasterProcess(test, { controller: { path, node: 'a' } });
  await master.ready();
  master.signal('SIGTERM');
  const line = await master.waitLog(({ msg }) => msg === 'leaving without the controller');
  assert.match(String(line.reason), /ENOENT/);
  assert.deepEqual(await master.ended, { code: 0, signal: null });
});

it('SIGINT ends a master that waits for its release', async (test) => {
  const { controller, master } = await startAnnouncing(test);
  master.signal('SIGTERM');
  accept(await controller.announcement());
  const signalled = performance.now();
  master.signal('SIGINT');
  assert.deepEqual(await master.ended, { code: 0, signal: null });
  assert.ok(performance.now() - signalled < 3000);
});
