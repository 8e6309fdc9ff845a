import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { it } from 'node:test';
import { applicationThatThrows, MasterProcess, until } from './support/master-process.ts';
import { ask } from './support/requests.ts';

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

/** The samples by name and labels, as Prometheus would read them. */
function samples(text: string): ReadonlyMap<string, number> {
  assert.match(text, /^# HELP /);
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const [, name = '', value = ''] = /^(\S+(?:\{.*\})?) (\S+)$/.exec(line) ?? [];
      assert.ok(name !== '' && Number.isFinite(Number(value)), line);
      return [name, Number(value)];
    }),
  );
}

function scrape(master: MasterProcess): Promise<ReadonlyMap<string, number>> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath: master.controlPath, path: '/metrics', agent: false }, (response) => {
      assert.match(String(response.headers['content-type']), /^text\/plain; version=0\.0\.4/);
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => resolve(samples(text)));
    });
    sent.once('error', reject);
    sent.end();
  });
}

it('sums requests and durations over all workers, also over those that are gone', async (test) => {
  const master = new MasterProcess(test, { metrics: { latency: true } });
  const port = await master.ready();
  const count = 60;
  for (let n = 0; n < count / 2; n++) await ask(port, '/');
  await ask(port, '/slow?ms=120');
  assert.equal((await master.control('POST', '/reload')).status, 200);
  for (let n = 0; n < count / 2; n++) await ask(port, '/');
  await until(
    'all requests are told',
    async () => ((await scrape(master)).get('lameduck_requests_total') ?? 0) >= count + 1,
  );
  const found = await scrape(master);
  const value = (name: string): number | undefined => found.get(name);
  assert.equal(value('lameduck_requests_total'), count + 1);
  assert.equal(value('lameduck_request_duration_seconds_count'), count + 1);
  assert.equal(value('lameduck_request_duration_seconds_bucket{le="+Inf"}'), count + 1);
  assert.ok(
    (value('lameduck_request_duration_seconds_bucket{le="0.1"}') ?? 0) <= count,
    'the slow one is slower',
  );
  assert.ok((value('lameduck_request_duration_seconds_sum') ?? 0) >= 0.12);
  assert.equal(value('lameduck_reloads_total{result="done"}'), 1);
  assert.equal(value('lameduck_worker_spawns_total'), 4);
  assert.equal(value('lameduck_generation'), 2);
  assert.equal(value('lameduck_workers{state="ready"}'), 2);
  assert.ok((value('lameduck_workers_rss_bytes') ?? 0) > 50e6);
});

it('counts crashes, kills and failed reloads', async (test) => {
  const master = new MasterProcess(test, { workers: 1 });
  const port = await master.ready();
  await ask(port, '/crash').catch(() => undefined);
  await master.waitLog((line) => line.msg === 'worker changed' && line.worker === 2 && line.to === 'ready');
  master.deploy(applicationThatThrows);
  await master.control('POST', '/reload');
  const found = await scrape(master);
  assert.equal(found.get('lameduck_worker_crashes_total'), 2);
  assert.equal(found.get('lameduck_reloads_total{result="failed"}'), 1);
  assert.equal(found.has('lameduck_request_duration_seconds_count'), false, 'nobody asked to measure');
});

it('serves them on an address of their own, to whoever has the token, and nothing else', async (test) => {
  const port = await freePort();
  const address = { kind: 'tcp', host: '127.0.0.1', port } as const;
  const master = new MasterProcess(test, { metrics: { latency: true, address, token: 'secret' } });
  await master.ready();
  const url = `http://127.0.0.1:${port}`;
  const headers = { authorization: 'Bearer secret' };
  assert.equal((await fetch(`${url}/metrics`)).status, 401);
  assert.equal((await fetch(`${url}/metrics`, { headers: { authorization: 'Bearer secreT' } })).status, 401);
  assert.equal((await fetch(`${url}/status`, { headers })).status, 404);
  assert.equal((await fetch(`${url}/metrics`, { headers, method: 'POST' })).status, 405);
  const answer = await fetch(`${url}/metrics`, { headers });
  assert.equal(samples(await answer.text()).get('lameduck_workers_target'), 2);
});

it('R25: an address for metrics that is in use refuses the start with one clear message', async (test) => {
  const holder = createServer().listen(0, '127.0.0.1');
  await once(holder, 'listening');
  test.after(() => holder.close());
  const { port } = holder.address() as { port: number };
  const address = { kind: 'tcp', host: '127.0.0.1', port } as const;
  const master = new MasterProcess(test, { metrics: { latency: true, address } });
  const { error } = await master.outcome;
  assert.equal(error?.code, 'addressInUse');
  assert.match(
    error?.message ?? '',
    new RegExp(`^Cannot serve metrics on "127\\.0\\.0\\.1:${port}": .*EADDRINUSE$`),
  );
  assert.deepEqual(await master.ended, { code: 1, signal: null });
});
