import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { assertNothingLost, assertOnlyIdleResets } from '../support/assertions.ts';
import { reportOf, statusOf } from '../support/reports.ts';
import { type RunningService, runService } from '../support/run-service.ts';
import { projectRoot } from '../support/service-config.ts';
import { underLoad } from '../support/under-load.ts';

const standIn = join(projectRoot, 'packages/controller/test/fixtures/nginx/control-api-stand-in.py');
// Of an nginx that has the API no package is to be had: a real one is used where its program is named.
const real = process.env['LAMEDUCK_NGINX_CONTROL_API'];
const kind = real === undefined ? 'a stand-in around stock nginx' : 'a real nginx that has it';

describe(`reload mode by nginx's Control API (${kind}), both stacks`, () => {
  let service: RunningService;
  let api: string;
  before(async () => {
    const nginx = real ?? standIn;
    service = await runService({ nodes: ['app', 'app', 'gunicorn'], mode: 'reload', edge: { nginx } });
    api = await controlApiOf(service);
  });
  after(async () => {
    assert.equal(await service.stop(), 0);
  });

  it('with a fresh connection for each request nothing is lost while nodes leave and come back', async () => {
    const before = countAsked(api);
    const connections = { fresh: 40 };
    const ledger = await underLoad(service, { connections, ratePerConnection: 15 }, async () => {
      for (const [act, node] of [
        ['drain', 'a'],
        ['ready', 'a'],
        ['restart', 'b'],
        ['restart', 'c'],
      ] as const) {
        const { code, stdout } = await service.lameduck(act, node, '--json');
        assert.equal(code, 0, stdout);
      }
    });
    assertNothingLost(ledger, 500);
    // each change is one reload
    if (real === undefined) assert.equal(countAsked(api) - before, 6);
  });

  it('with keep-alive at most idle client connections are reset', async () => {
    const ledger = await underLoad(service, { connections: 40 }, async () => {
      const result = await service.lameduck('restart', 'c', '--json');
      assert.equal(reportOf(result).result, 'exited', result.stdout);
    });
    assertOnlyIdleResets(ledger, 500);
  });

  const skip = real !== undefined && 'no real nginx refuses on demand what nginx -t has taken';
  it('a reload that nginx refuses is told with its line; the node serves on and nothing is lost', {
    skip,
  }, async () => {
    const line = 'zone "shop" is too small in /srv/n.conf:4';
    const body = JSON.stringify({ logs: [`2026/11/23 04:01:20 [emerg] 7#0: ${line}\n`] });
    const { pid } = await processOf(service, 'a');
    const ledger = await underLoad(service, { connections: 40 }, async () => {
      writeFileSync(
        `${api}.fault`,
        `HTTP/1.1 422 Unprocessable Entity\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      );
      const { code, stdout, stderr } = await service.lameduck('restart', 'a', '--json');
      assert.equal(code, 7);
      assert.ok(
        `${stdout}${stderr}`.includes(JSON.stringify(`[emerg] ${line}`).slice(1, -1)),
        `${stdout}${stderr}`,
      );
      rmSync(`${api}.fault`);
    });
    assertNothingLost(ledger, 200);
    assert.equal((await processOf(service, 'a')).pid, pid);
    assert.deepEqual((await statusOf(service)).edges[0]?.out, []);
  });
});

async function processOf(
  service: RunningService,
  node: string,
): Promise<{ readonly pid: number | undefined }> {
  const { nodes } = await statusOf(service);
  return { pid: nodes.find(({ name }) => name === node)?.pid };
}

/** The socket, as the command line of the running nginx says. */
async function controlApiOf(service: RunningService): Promise<string> {
  const pid = (await statusOf(service)).edges[0]?.pid;
  const title = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  const [, path = ''] = / -l unix:(\S+)/.exec(title) ?? [];
  assert.notEqual(path, '', title);
  return path;
}

/** How many reloads the stand-in was asked for. */
function countAsked(api: string): number {
  if (!existsSync(`${api}.log`)) return 0;
  return readFileSync(`${api}.log`, 'utf8').split('PATCH /1/control/config').length - 1;
}
