import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ask } from '../support/ask.ts';
import { nodeOf } from '../support/reports.ts';
import { type RunningService, runService } from '../support/run-service.ts';
import { projectRoot } from '../support/service-config.ts';
import { until } from '../support/until.ts';

/** Node `a` is well by its checks and fails every request while it is told to. */
const app = `
let isIll = false;
export default (request, response) => {
  if (request.url === '/ill') isIll = process.env.LAMEDUCK_NODE === 'a';
  if (request.url === '/well') isIll = false;
  response.writeHead(request.url === '/work' && isIll ? 500 : 200).end(process.env.LAMEDUCK_NODE);
};
`;

describe('passive health', () => {
  let service: RunningService;
  const entry = join(projectRoot, '.cache', 'e2e', `ill-${process.pid}.mjs`);
  before(async () => {
    mkdirSync(join(projectRoot, '.cache', 'e2e'), { recursive: true });
    writeFileSync(entry, app);
    const overrides = Object.fromEntries(['a', 'b'].map((name) => [name, { app: { entry, workers: 1 } }]));
    service = await runService({
      nodes: ['app', 'app'],
      mode: 'gate',
      overrides,
      config: { health: { interval: '200ms', rise: 15, passive: { errors: 5, within: '10s' } } },
    });
  });
  after(async () => {
    await service.stop();
    rmSync(entry);
  });

  it('takes a node out that fails its requests although its checks pass, and brings it back', async () => {
    const direct = `http://127.0.0.1:${service.ports[1]}`;
    assert.equal((await ask(direct, 'GET', '/ill')).body, 'a');
    // the first sums that the controller has seen say nothing of the time before
    await new Promise((resolve) => setTimeout(resolve, 2500));
    // each nginx worker takes turns: ten in a row by b come only while a is out
    const isOut = async (): Promise<boolean> => {
      for (let count = 0; count < 10; count += 1) {
        const { status, body } = await ask(service.url, 'GET', '/work');
        if (status !== 200 || body !== 'b') return false;
      }
      return true;
    };
    await until('a is out', isOut, 60_000);
    const log = readFileSync(join(service.folder, '.lameduck', 'controller.log'), 'utf8');
    assert.match(log, /"node":"a","from":"up","to":"down",.*"reason":"\d+ errors within 10.0 s at the edge"/);
    await ask(direct, 'GET', '/well');
    await until('a is back', async () => (await nodeOf(service, 'a')).inRotation, 60_000);
  });
});
