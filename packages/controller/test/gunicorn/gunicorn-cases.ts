import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { get, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, describe, it } from 'node:test';
import {
  createGunicornRunner,
  type GunicornRunnerOptions,
} from '../../src/adapters/gunicorn/gunicorn-runner.ts';
import { readLogTail } from '../../src/processes/log-tail.ts';
import { poll } from '../../src/processes/wait.ts';
import { fixtures, isAlive, makeRealNode, type RealNode } from '../fixtures/node-runner/real-node.ts';

const directory = join(fixtures, 'python');
const deadline = (): AbortSignal => AbortSignal.timeout(20_000);

/** What FastAPI under Gunicorn does from its start to its end; `search` says which Gunicorn. */
export function describeGunicorn(
  title: string,
  search: Pick<GunicornRunnerOptions, 'command' | 'python'> = {},
): void {
  describe(title, () => {
    let node: RealNode | undefined;
    afterEach(async () => {
      await node?.close();
      node = undefined;
    });

    async function make(changes: Partial<GunicornRunnerOptions> = {}): Promise<RealNode> {
      node = await makeRealNode(
        (options) => createGunicornRunner({ ...options, app: 'api:app', workers: 2, ...search, ...changes }),
        { directory },
      );
      return node;
    }

    it('serves when its start resolves, and all its workers become ready', async () => {
      const made = await make();
      const started = await made.runner.start(deadline());
      assert.deepEqual(await ask(made.port, '/'), { status: 200, body: '{"ok":true}' });
      const areReady = async (): Promise<true | undefined> => {
        const workers = await made.runner.workers(started);
        return workers.length === 2 && workers.every(({ state }) => state === 'ready') ? true : undefined;
      };
      await poll(areReady, deadline(), 'see two ready workers');
    });

    it('finishes the requests in flight after SIGTERM, then ends', async () => {
      const made = await make();
      const started = await made.runner.start(deadline());
      const answers = Array.from({ length: 6 }, () => ask(made.port, '/slow?ms=1500'));
      const areInFlight = async (): Promise<true | undefined> =>
        (await connections(made.port)) >= 6 ? true : undefined;
      await poll(areInFlight, deadline(), 'see six requests in flight');
      await made.runner.terminate(started);
      for (const { state } of await made.runner.workers(started)) assert.equal(state, 'draining');
      for (const answer of await Promise.all(answers))
        assert.deepEqual(answer, { status: 200, body: '{"slept":1500}' });
      await made.runner.exited(started, deadline());
      assert.equal(await made.isServing(), false);
    });

    it('leaves workers that go on serving when its master is killed; a kill ends them and frees the port', async () => {
      const made = await make();
      const started = await made.runner.start(deadline());
      const workers = await made.runner.workers(started);
      assert.ok(workers.length > 0);
      made.crash(started);
      await made.runner.died(started, deadline());
      assert.equal(await made.isServing(), true);
      const killed = await made.reopen().kill(started);
      for (const { pid } of workers) {
        assert.ok(killed.includes(pid));
        assert.equal(isAlive(pid), false);
      }
      await (await made.holdAddress())();
    });

    it('is killed with requests in flight when it does not end by itself', async () => {
      const made = await make();
      const started = await made.runner.start(deadline());
      const answer = ask(made.port, '/slow?ms=60000');
      answer.catch(() => undefined);
      await poll(
        async () => ((await connections(made.port)) >= 1 ? true : undefined),
        deadline(),
        'see a request',
      );
      await made.runner.terminate(started);
      await assert.rejects(made.runner.exited(started, AbortSignal.timeout(800)), { code: 'deadlinePassed' });
      const killed = await made.runner.kill(started);
      assert.ok(killed.includes(started.pid));
      await assert.rejects(answer);
      assert.equal(await made.isServing(), false);
    });

    it('is ended when its start is aborted while it boots', async () => {
      const made = await make({ app: 'slow_api:app', settleMs: 30_000 });
      const abort = new AbortController();
      const starting = made.runner.start(abort.signal);
      const log = join(made.options.stateDirectory, 'node.log');
      const isBooting = (): true | undefined =>
        readLogTail(log).join().includes('Booting worker') ? true : undefined;
      await poll(isBooting, deadline(), 'see a worker boot');
      abort.abort(new Error('enough'));
      await assert.rejects(starting, /enough/);
      assert.equal(await made.runner.find(), undefined);
      await (await made.holdAddress())();
    });

    it('that boots slowly is a started node before it serves', async () => {
      const made = await make({ app: 'slow_api:app', settleMs: 200 });
      const started = await made.runner.start(deadline());
      assert.deepEqual(await made.runner.find(), started);
    });

    it('is not started where an argument is wrong, and the log tells why', async () => {
      const made = await make({ arguments: ['--no-such-option'] });
      await assert.rejects(made.runner.start(deadline()), { code: 'startFailed', message: /no-such-option/ });
    });

    it('is not started where its application does not exist', async () => {
      const made = await make({ app: 'missing_module:app' });
      await assert.rejects(made.runner.start(deadline()), {
        code: 'startFailed',
        message: /ModuleNotFoundError: No module named 'missing_module'/,
      });
    });
  });
}

async function ask(port: number, path: string): Promise<{ status: number | undefined; body: string }> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get({ host: '127.0.0.1', port, path, agent: false }, resolve).once('error', reject);
  });
  return { status: response.statusCode, body: await text(response) };
}

/** Established connections that a server on the port has. */
async function connections(port: number): Promise<number> {
  const local = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const rows = (await readFile('/proc/net/tcp', 'utf8')).split('\n').map((row) => row.trim().split(/\s+/));
  return rows.filter((row) => row[1] === local && row[3] === '01').length;
}
