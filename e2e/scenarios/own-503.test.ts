import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Answer, ask } from '../support/ask.ts';
import { type RunningService, runService } from '../support/run-service.ts';
import { projectRoot } from '../support/service-config.ts';
import { type Supervisor, superviseAlone } from '../support/supervisor.ts';

const names = ['a', 'b', 'c'];

/** Says 503 to everything under /busy, and counts what it ran; /seen tells. */
const busyApp = `
let ran = 0;
export default (request, response) => {
  if (request.url === '/seen') return response.end(JSON.stringify({ ran }));
  if (request.url === '/promise') return response.end(String(request.headers['x-lameduck-retry']));
  if (request.url !== '/busy') return response.end('ok');
  ran += 1;
  request.resume().once('end', () => response.writeHead(503).end('busy ' + process.env.NODE_NAME));
};
`;

describe('an application that answers 503 itself, behind a stock nginx', () => {
  let service: RunningService;
  let supervisor: Supervisor;
  const folder = join(projectRoot, '.cache', 'e2e');
  const entry = join(folder, `busy-${process.pid}.mjs`);
  before(async () => {
    const app = { app: { entry, workers: 1 } };
    mkdirSync(folder, { recursive: true });
    writeFileSync(entry, busyApp);
    service = await runService({
      nodes: ['app', 'app', 'app'],
      mode: 'reload',
      overrides: { a: app, b: app, c: app },
    });
    supervisor = await superviseAlone(service, names);
  });
  after(async () => {
    await supervisor.close();
    await service.stop();
    rmSync(entry);
  });

  async function ran(indexes: readonly number[]): Promise<number[]> {
    const urls = indexes.map((index) => `http://127.0.0.1:${service.ports[index + 1]}`);
    return Promise.all(
      urls.map(async (url) => (JSON.parse((await ask(url, 'GET', '/seen')).body) as { ran: number }).ran),
    );
  }

  it('E27: its answers pass untouched, are sent nowhere else, and never mark a node', async () => {
    const before = await ran([0, 1, 2]);
    for (let turn = 0; turn < 60; turn += 1) {
      const answer = await ask(service.url, turn % 2 === 0 ? 'GET' : 'POST', '/busy');
      assert.equal(answer.status, 503);
      assert.match(answer.body, /^busy [abc]$/);
    }
    const counts = (await ran([0, 1, 2])).map((count, index) => count - (before[index] ?? 0));
    assert.equal(
      counts.reduce((sum, count) => sum + count, 0),
      60,
      `ran ${counts}`,
    );
    // a mark would leave one of them out for a second, which is longer than all of this takes; the peers of nginx's
    // workers are shared, so that they take turns
    for (const count of counts) assert.ok(count >= 15, `ran ${counts}`);
  });

  it('E27: also while one node is a lame duck, whose POSTs pass and whose GETs go elsewhere', async () => {
    const [a] = supervisor.nodes;
    assert.ok(a);
    const before = await ran([1, 2]);
    const leaving = a.terminate();
    const answers: Answer[] = [];
    for (let turn = 0; turn < 60; turn += 1)
      answers.push(await ask(service.url, turn % 2 === 0 ? 'GET' : 'POST', '/busy'));
    for (const { status, body } of answers) {
      assert.equal(status, 503);
      assert.match(body, /^busy [abc]$/);
    }
    const elsewhere = answers.filter(({ body }) => body !== 'busy a').length;
    const counts = (await ran([1, 2])).map((count, index) => count - (before[index] ?? 0));
    assert.equal(
      counts.reduce((sum, count) => sum + count, 0),
      elsewhere,
    );
    await leaving;
    await a.start();
  });

  it('a client cannot make the promise: nginx overwrites the header', async () => {
    const forged = await ask(service.url, 'GET', '/promise', { 'X-Lameduck-Retry': 'forged' });
    assert.match(forged.body, /^[0-9a-f]{32}$/);
  });
});
