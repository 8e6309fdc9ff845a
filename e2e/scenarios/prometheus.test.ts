import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { socketPath } from '../../packages/controller/dist/index.js';
import { assertNothingLost } from '../support/assertions.ts';
import {
  exposeSocket,
  promtool,
  type RunningPrometheus,
  startPrometheus,
  withoutPrometheus,
} from '../support/prometheus.ts';
import { statusOf } from '../support/reports.ts';
import { type RunningService, runService } from '../support/run-service.ts';
import { projectRoot } from '../support/service-config.ts';
import { underLoad } from '../support/under-load.ts';
import { until } from '../support/until.ts';

const examples = join(projectRoot, 'examples', 'prometheus');

interface Panel {
  readonly title: string;
  readonly targets?: readonly { readonly expr: string }[];
}

/**
 * The expressions of the dashboard as Grafana would send them, with all controllers chosen; without a last `> 0`, which
 * keeps out of a panel what is not: there is no rollout here.
 */
function expressions(): readonly { readonly title: string; readonly expr: string }[] {
  const { panels } = JSON.parse(readFileSync(join(examples, 'dashboard.json'), 'utf8')) as {
    panels: Panel[];
  };
  return panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => ({
      title,
      expr: expr.replaceAll('$instance', '.*').replaceAll('$__rate_interval', '1m').replace(/ > 0$/, ''),
    })),
  );
}

describe('a real Prometheus and a real service', { skip: withoutPrometheus }, () => {
  let service: RunningService;
  let prometheus: RunningPrometheus;
  let exposed: Awaited<ReturnType<typeof exposeSocket>>;
  before(async () => {
    service = await runService({ nodes: ['app', 'app', 'gunicorn'], mode: 'gate' });
    exposed = await exposeSocket(socketPath(join(service.folder, '.lameduck'), 'control.sock'));
    prometheus = await startPrometheus(
      join(service.folder, 'prometheus'),
      exposed.port,
      join(examples, 'alerts.yml'),
    );
  });
  after(async () => {
    await prometheus.stop();
    const code = await service.stop();
    await exposed.close();
    assert.equal(code, 0);
  });

  it('every panel of the dashboard has data, no alert fires, and the edge has counted each request', async () => {
    await until('it is scraped', async () => (await prometheus.query('lameduck_build_info')).length === 1);
    const ledger = await underLoad(service, { connections: 20 }, async () => {
      await pause(3000);
      for (const name of ['a', 'c']) assert.equal((await service.lameduck('restart', name)).code, 0);
      await pause(2000);
    });
    assertNothingLost(ledger, 200);
    const sum = async (): Promise<number> =>
      Number((await prometheus.query('sum(lameduck_node_requests_total)'))[0]?.value[1]);
    await until(`${ledger.sent} requests were counted`, async () => (await sum()) >= ledger.sent);
    assert.equal(await sum(), ledger.sent, 'the clients have sent so many');
    const empty: string[] = [];
    for (const { title, expr } of expressions()) {
      const series = await prometheus.query(expr);
      const hasData = series.some(({ value }) => Number.isFinite(Number(value[1])));
      if (!hasData) empty.push(`${title}: ${expr}`);
    }
    assert.deepEqual(empty, []);
    assert.deepEqual(await prometheus.alerts(), []);
  });

  it('an edge that dies is seen, and the alert is on its way', async () => {
    const { edges } = await statusOf(service);
    const pid = edges[0]?.pid ?? 0;
    process.kill(pid, 'SIGSTOP');
    const workers = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number);
    assert.ok(workers.every((one) => one > 0));
    for (const one of workers) process.kill(one, 'SIGSTOP');
    try {
      await until('the alert is pending', async () =>
        (await prometheus.alerts()).includes('LameduckEdgeDown'),
      );
    } finally {
      for (const one of [...workers, pid]) process.kill(one, 'SIGCONT');
    }
    await until('it is well again', async () => !(await prometheus.alerts()).includes('LameduckEdgeDown'));
  });

  it('promtool finds nothing wrong with the page, and node_exporter gets it as a file', async () => {
    const { stdout, code } = await service.lameduck('metrics');
    assert.equal(code, 0);
    assert.equal(await promtool(['check', 'metrics'], stdout), '');
    const file = join(service.folder, 'lameduck.prom');
    assert.equal((await service.lameduck('metrics', '--output', file)).code, 0);
    assert.equal(await promtool(['check', 'metrics'], readFileSync(file, 'utf8')), '');
    const refused = await service.lameduck('metrics', '--output', join(service.folder, 'no', 'such.prom'));
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /Cannot write .*ENOENT/);
  });
});
