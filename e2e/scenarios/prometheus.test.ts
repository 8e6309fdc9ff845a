import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { assertNothingLost } from '../support/assertions.ts';
import { makeCertificates, noOpenssl } from '../support/certificates.ts';
import { freePorts } from '../support/ports.ts';
import {
  promtool,
  type RunningPrometheus,
  startPrometheus,
  withoutPrometheus,
} from '../support/prometheus.ts';
import { statusOf } from '../support/reports.ts';
import { makeRunFolder, type RunningService, runService } from '../support/run-service.ts';
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

/** Only these of the example are another operator's: where things are, and how long he waits. */
function exampleConfig(places: Readonly<Record<string, string>>): string {
  return Object.entries({ ...places, '_interval: 15s': '_interval: 1s' }).reduce(
    (text, [from, to]) => {
      assert.ok(text.includes(from), from);
      return text.replaceAll(from, to);
    },
    readFileSync(join(examples, 'prometheus.yml'), 'utf8'),
  );
}

const viewerToken = 'viewer-token-0123456789';

describe('a real Prometheus and a real service', { skip: withoutPrometheus || noOpenssl }, () => {
  const folder = makeRunFolder();
  const tokenFile = join(folder, 'lameduck.token');
  let service: RunningService;
  let prometheus: RunningPrometheus;
  before(async () => {
    const [port = 0] = await freePorts(1);
    const { ca, cert, key } = makeCertificates(folder);
    writeFileSync(tokenFile, `${viewerToken}\n`, { mode: 0o600 });
    service = await runService({
      nodes: ['app', 'app', 'gunicorn'],
      mode: 'gate',
      config: {
        api: {
          listen: `127.0.0.1:${port}`,
          tls: { cert, key },
          tokens: [{ name: 'prometheus', role: 'viewer', tokenFile }],
        },
      },
    });
    const places = {
      'alerts.yml': join(examples, 'alerts.yml'),
      '/etc/prometheus/lameduck-ca.pem': ca,
      '/etc/prometheus/lameduck.token': tokenFile,
      'shop.example.com:9090': `localhost:${port}`,
    };
    prometheus = await startPrometheus(join(folder, 'prometheus'), exampleConfig(places));
  });
  after(async () => {
    await prometheus.stop();
    const code = await service.stop();
    rmSync(folder, { recursive: true });
    assert.equal(code, 0);
  });

  async function isUp(): Promise<boolean> {
    return (await prometheus.query('up{job="lameduck"}'))[0]?.value[1] === '1';
  }

  it('it scrapes as the example says: over TLS of an own authority, with the token of a viewer', async () => {
    await until('it is scraped', isUp);
    writeFileSync(tokenFile, 'some-other-token-0123456789\n');
    await until('a wrong token is refused', async () => !(await isUp()));
    assert.deepEqual(await prometheus.scrapeErrors(), ['server returned HTTP status 401 Unauthorized']);
    writeFileSync(tokenFile, `${viewerToken}\n`);
    await until('it is scraped again', isUp);
  });

  it('every panel of the dashboard has data, no alert fires, and the edge has counted each request', async () => {
    await until(
      'it knows this build',
      async () => (await prometheus.query('lameduck_build_info')).length === 1,
    );
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
