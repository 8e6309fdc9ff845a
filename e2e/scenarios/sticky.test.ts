import assert from 'node:assert/strict';
import { request } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { runLoad } from '@lameduck/ledger';
import { assertNothingLost } from '../support/assertions.ts';
import { newerNginx } from '../support/newer-nginx.ts';
import { nodeOf, reportOf } from '../support/reports.ts';
import { type RunningService, runService } from '../support/run-service.ts';
import { until } from '../support/until.ts';

const { path: nginx, skip } = newerNginx;

interface Visit {
  readonly status: number;
  readonly node: string;
  /** Of the process that answered. */
  readonly pid: number;
  readonly cookie: string;
}

/** One request on a connection of its own; without a cookie it is a new client. */
function visit(url: string, cookie = ''): Promise<Visit> {
  return new Promise((resolve, reject) => {
    const headers = cookie === '' ? {} : { cookie };
    const sent = request(`${url}/fast`, { agent: false, headers }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        body += chunk;
      });
      const [set] = response.headers['set-cookie'] ?? [];
      response.once('error', reject);
      response.once('end', () => {
        const { node, pid } = response.statusCode === 200 ? JSON.parse(body) : { node: body, pid: 0 };
        resolve({ status: response.statusCode ?? 0, node, pid, cookie: set?.split(';')[0] ?? cookie });
      });
    });
    sent.once('error', reject);
    sent.setTimeout(20_000, () => sent.destroy(new Error('no answer')));
    sent.end();
  });
}

async function boundTo(url: string, node: string): Promise<string> {
  let met: Visit | undefined;
  await until(`a new client comes to ${node}`, async () => {
    met = await visit(url);
    return met.node === node;
  });
  return met?.cookie ?? '';
}

describe('sticky sessions', { skip }, () => {
  let service: RunningService;
  before(async () => {
    service = await runService({
      nodes: ['app', 'app', 'app'],
      edge: { nginx },
      config: { sticky: { cookie: 'shop_node', drain: '2s' } },
    });
  });
  after(async () => {
    assert.equal(await service.stop(), 0);
  });

  it('E24: restart drains, then takes out, then signals: the session stays on its node, moves once, and loses nothing', async (t) => {
    const { url } = service;
    let cookie = await boundTo(url, 'a');
    const visits: Visit[] = [];
    let isOver = false;
    const session = (async () => {
      while (!isOver) {
        const met = await visit(url, cookie);
        cookie = met.cookie;
        visits.push(met);
      }
    })();
    const { pid } = await nodeOf(service, 'a');
    const load = runLoad({ url, connections: { get: 2, fresh: 2, post: 2, upload: 1, stream: 1 } });
    const report = reportOf(await service.lameduck('restart', 'a', '--json'));
    isOver = true;
    await session;
    load.stop();
    assertNothingLost(await service.audit(await load.done), 50);
    assert.equal(report.result, 'exited', report.reason);
    assert.notEqual((await nodeOf(service, 'a')).pid, pid);

    const wrong = visits.filter(({ status }) => status !== 200);
    assert.deepEqual(wrong, []);
    const moves = visits.filter(({ node }, index) => index > 0 && visits[index - 1]?.node !== node);
    assert.equal(moves.length, 1, `it moved ${moves.map(({ node }) => node).join(', ')}`);
    const onA = visits.filter(({ node }) => node === 'a').length;
    const removal = report.phases.find(({ name }) => name === 'remove');
    assert.ok((removal?.ms ?? 0) >= 2_000, `the removal took ${removal?.ms} ms`);
    t.diagnostic(`${onA} requests of the session on a, ${visits.length - onA} on ${moves[0]?.node}`);
  });
});
