import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import type { NodeStatus, ServiceStatus } from '@lameduck/core';
import { freePorts } from '../support/ports.ts';
import { type CommandResult, type RunningService, runService, startUp } from '../support/run-service.ts';
import { projectRoot } from '../support/service-config.ts';
import { until } from '../support/until.ts';

const launcher = join(projectRoot, 'packages', 'cli', 'bin', 'lameduck.cjs');
const tls = join(projectRoot, 'e2e', 'fixtures', 'tls');
const operatorToken = 'operator-token-0123456789';
const viewerToken = 'viewer-token-0123456789';

describe('a daemon that is asked over TLS with a token', () => {
  let service: RunningService;
  let url: string;
  before(async () => {
    const [port] = await freePorts(1);
    url = `https://localhost:${port}`;
    service = await runService({
      nodes: ['app', 'app'],
      config: {
        health: { interval: '100ms' },
        api: {
          listen: `127.0.0.1:${port}`,
          tls: { cert: join(tls, 'cert.pem'), key: join(tls, 'key.pem') },
          tokens: [
            { name: 'ops', role: 'operator', sha256: await sha256(operatorToken) },
            { name: 'eyes', role: 'viewer', sha256: await sha256(viewerToken) },
          ],
        },
      },
    });
    writeFileSync(join(service.folder, 'ops.token'), `${operatorToken}\n`, { mode: 0o600 });
  });
  after(async () => {
    assert.equal(await service.stop(), 0);
  });

  /** Far from the configuration: all that is known is the URL and a token. */
  function start(args: readonly string[], environment: Readonly<Record<string, string>>): ChildProcess {
    const env = { ...process.env, NODE_EXTRA_CA_CERTS: join(tls, 'cert.pem'), ...environment };
    return spawn(process.execPath, [launcher, ...args], { cwd: '/', env, stdio: ['ignore', 'pipe', 'pipe'] });
  }

  async function remote(
    args: readonly string[],
    environment: Readonly<Record<string, string>> = {},
  ): Promise<CommandResult> {
    const child = start(args, environment);
    const { stdout, stderr } = child as ChildProcess & {
      stdout: NodeJS.ReadableStream;
      stderr: NodeJS.ReadableStream;
    };
    const [out, problem, [code]] = await Promise.all([text(stdout), text(stderr), once(child, 'close')]);
    return {
      code: code as number,
      stdout: out,
      stderr: problem,
      json: out.startsWith('{') || out.startsWith('[') ? JSON.parse(out.split('\n')[0] ?? '') : undefined,
    };
  }

  it('gives the same reports and exit codes as on its own host', async () => {
    const options = ['--url', url, '--token-file', join(service.folder, 'ops.token')];
    const drained = await remote(['drain', 'a', '--json', ...options]);
    assert.equal(drained.code, 0, drained.stderr);
    assert.equal((drained.json as { result: string }).result, 'drained');
    const refused = await remote(['drain', 'b', '--json', ...options]);
    assert.equal(refused.code, 6, refused.stderr);
    assert.equal((await remote(['ready', 'a', ...options])).code, 0);
    assert.equal((await remote(['drain', 'nobody', ...options])).code, 4);
    const history = await remote(['history', '--json', ...options]);
    assert.equal((history.json as unknown[]).length, 3);
  });

  it('E25: rejects a role that does not suffice and a wrong token, says why, and audits both', async () => {
    const viewer = { LAMEDUCK_URL: url, LAMEDUCK_TOKEN: viewerToken };
    assert.equal((await remote(['status'], viewer)).code, 0);
    const refused = await remote(['stop', 'a', '--json'], viewer);
    assert.equal(refused.code, 1);
    assert.equal((refused.json as { error: { code: string } }).error.code, 'forbidden');
    const wrong = await remote(['stop', 'a'], {
      LAMEDUCK_URL: url,
      LAMEDUCK_TOKEN: 'some-other-token-0123456789',
    });
    assert.equal(wrong.code, 1);
    assert.match(wrong.stderr, /a token is wanted: current value is a wrong one/);
    assert.equal((await service.lameduck('drain', 'b')).code, 0);
    assert.equal((await service.lameduck('ready', 'b')).code, 0);
    const log = service.log() + (await service.lameduck('events', '--help')).stdout;
    for (const token of [viewerToken, operatorToken, 'some-other-token']) assert.ok(!log.includes(token));
    const audit = (await fetchAudit()).map(({ who, action, result }) => [
      who.replace(/^\S+ \(/, '('),
      action,
      result,
    ]);
    assert.deepEqual(audit.slice(0, 4), [
      ['(claimed)', 'ready', 'ready'],
      ['(claimed)', 'drain', 'drained'],
      ['anonymous', 'POST /v1/nodes/a/stop', 'refused'],
      ['eyes', 'stop', 'refused'],
    ]);
  });

  async function fetchAudit(): Promise<{ who: string; action: string; result: string }[]> {
    const headers = { authorization: `Bearer ${viewerToken}` };
    const asked = request(`${url}/v1/audit`, {
      ca: readFileSync(join(tls, 'cert.pem')),
      headers,
      agent: false,
    });
    const [response] = await once(asked.end(), 'response');
    return JSON.parse(await text(response));
  }

  it('tells what a node prints, and where there is no daemon says so with exit code 3', async () => {
    const viewer = { LAMEDUCK_URL: url, LAMEDUCK_TOKEN: viewerToken };
    const logs = await remote(['logs', 'a', '-n', '5'], viewer);
    assert.equal(logs.code, 0, logs.stderr);
    assert.match(logs.stdout, /\S/);
    const [nobody] = await freePorts(1);
    const away = await remote(['status'], { ...viewer, LAMEDUCK_URL: `https://localhost:${nobody}` });
    assert.equal(away.code, 3);
    assert.match(away.stderr, /Cannot reach the controller on "https:\/\/localhost:\d+".*ECONNREFUSED/);
    const silly = await remote(['status'], { LAMEDUCK_URL: 'https://user:pw@x/path' });
    assert.equal(silly.code, 2);
    assert.ok(!silly.stderr.includes('pw@'));
  });

  it('goes away in the middle of an operation: the command says so, exit code 3; events go on with the next one', async () => {
    // longer than any machine needs to get there; it is ended when it has been seen
    const enough = new AbortController();
    const slow = fetch(`${service.url}/slow?ms=120000`, { signal: enough.signal }).catch(() => undefined);
    const viewer = { LAMEDUCK_URL: url, LAMEDUCK_TOKEN: viewerToken };
    const events = start(['events', '--json'], viewer) as ChildProcess & { stdout: NodeJS.ReadableStream };
    const seen: string[] = [];
    createInterface({ input: events.stdout }).on('line', (line) =>
      seen.push((JSON.parse(line) as { event: string }).event),
    );
    try {
      await until('events come', () => seen.includes('status'));
      const nodes = async (): Promise<readonly NodeStatus[]> =>
        ((await service.lameduck('status', '--json')).json as ServiceStatus).nodes;
      let busy = '';
      await until(
        'the slow request is under way',
        async () => {
          busy = (await nodes()).find(({ inFlight }) => inFlight > 0)?.name ?? '';
          return busy !== '';
        },
        60_000,
      );
      const draining = remote(['drain', busy], { LAMEDUCK_URL: url, LAMEDUCK_TOKEN: operatorToken });
      await until(
        'the drain waits for it',
        async () => (await nodes()).some(({ operation }) => operation?.phase === 'drain'),
        60_000,
      );
      service.up.kill('SIGKILL');
      await once(service.up, 'close');
      const { code, stderr } = await draining;
      assert.equal(code, 3, stderr);
      assert.match(stderr, /the controller went away in the middle of the operation/);
      const before = seen.filter((event) => event === 'status').length;
      service = await startUp(service);
      await until(
        'the whole state comes from the next controller',
        () => seen.filter((event) => event === 'status').length > before,
      );
    } finally {
      enough.abort();
      await slow;
      const closed = once(events, 'close');
      events.kill('SIGTERM');
      assert.deepEqual(await closed, [0, null]);
    }
  });
});

async function sha256(token: string): Promise<string> {
  const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(token));
  return Buffer.from(hash).toString('hex');
}
