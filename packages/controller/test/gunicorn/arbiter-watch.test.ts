import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { ArbiterAnswer } from '../../src/adapters/gunicorn/arbiter-answer.ts';
import { ArbiterWatch } from '../../src/adapters/gunicorn/arbiter-watch.ts';
import { readProcess } from '../../src/processes/identity.ts';
import { poll } from '../../src/processes/wait.ts';

const us = readProcess(process.pid) ?? assert.fail('there is no /proc');

let folder = '';
let path = '';
let server: Server | undefined;
let lines: { readonly level: string; readonly message: string; readonly fields: object }[] = [];
/** What the socket says of itself, and how many questions came; `undefined` keeps silent. */
let stats: object | undefined;
let asked = 0;
const open = new Set<Socket>();

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'lameduck-arbiter-'));
  path = join(folder, 'gunicorn.ctl');
  stats = { pid: process.pid, workers_target: 2, workers_spawned: 2, reloads: 0 };
  asked = 0;
  lines = [];
  server = createServer((socket) => {
    open.add(socket);
    socket.on('error', () => undefined);
    socket.on('data', (data: Buffer) => void reply(socket, data));
  });
  server.listen(path);
  await once(server, 'listening');
});
afterEach(async () => {
  for (const socket of open) socket.destroy();
  open.clear();
  if (server?.listening) {
    server.close();
    await once(server, 'close');
  }
  rmSync(folder, { recursive: true, force: true });
});

function reply(socket: Socket, data: Buffer): void {
  asked += 1;
  if (stats === undefined) return;
  const { id, command } = JSON.parse(data.toString('utf8', 4)) as { id: number; command: string };
  const answers: Record<string, object> = {
    'show stats': stats,
    'show workers': { workers: [] },
    'show config': { timeout: 30 },
  };
  const body = Buffer.from(JSON.stringify({ id, status: 'ok', data: answers[command] }));
  const head = Buffer.alloc(4);
  head.writeUInt32BE(body.length);
  socket.write(Buffer.concat([head, body]));
}

function watchIt(): ArbiterWatch {
  const log = (level: string) => (fields: object, message: string) =>
    void lines.push({ level, message, fields });
  return new ArbiterWatch('a', path, { info: log('info'), warn: log('warn') });
}

/** Looks until it is asked again; gives what that look gave. */
async function lookAnew(watch: ArbiterWatch): Promise<ArbiterAnswer | undefined> {
  const before = asked;
  const look = async (): Promise<[ArbiterAnswer | undefined] | undefined> => {
    const answer = await watch.look(us);
    return asked > before ? [answer] : undefined;
  };
  return (await poll(look, AbortSignal.timeout(10_000), 'see it asked anew'))[0];
}

describe('an arbiter that is watched', () => {
  it('is asked once for all who look at the same time', async () => {
    const watch = watchIt();
    const looks = await Promise.all([watch.look(us), watch.look(us), watch.look(us)]);
    assert.deepEqual(
      looks.map((answer) => answer?.target),
      [2, 2, 2],
    );
    assert.equal((await watch.look(us))?.spawned, 2);
    assert.equal(asked, 3);
    assert.deepEqual(lines, []);
  });

  it('that is silent is waited for once and for half a second, then left alone for a while', async () => {
    stats = undefined;
    const watch = watchIt();
    const began = performance.now();
    assert.equal(await watch.look(us), undefined);
    const took = performance.now() - began;
    assert.ok(took > 400 && took < 2_000, `${took} ms`);
    for (let look = 0; look < 20; look += 1) assert.equal(await watch.look(us), undefined);
    assert.equal(asked, 1);
  });

  it('that is another Gunicorn is not believed; one failure is no news, several are one line in the log', async () => {
    const own = stats;
    const other = { ...own, pid: process.ppid };
    const watch = watchIt();
    stats = other;
    assert.equal(await lookAnew(watch), undefined);
    assert.deepEqual(lines, []);
    for (let look = 0; look < 2; look += 1) assert.equal(await lookAnew(watch), undefined);
    const wanted = `pid ${process.pid} must answer: current value is pid ${process.ppid}`;
    const reason = `Cannot ask Gunicorn on "${path}": ${wanted}`;
    const line = { level: 'info', message: 'gunicorn does not answer', fields: { node: 'a', reason } };
    assert.deepEqual(lines, [line]);
    stats = own;
    assert.equal((await lookAnew(watch))?.target, 2);
    stats = other;
    assert.equal(await lookAnew(watch), undefined);
    assert.deepEqual(lines, [line]);
  });

  it('that has no control socket is no news', async () => {
    const closed = once(server as Server, 'close');
    server?.close();
    await closed;
    assert.equal(await watchIt().look(us), undefined);
    assert.deepEqual(lines, []);
  });

  it('that somebody else reloads or scales is told in the log, once', async () => {
    const watch = watchIt();
    await watch.look(us);
    stats = { ...stats, reloads: 1, workers_target: 3 };
    assert.equal((await lookAnew(watch))?.reloads, 1);
    await lookAnew(watch);
    assert.deepEqual(lines, [
      { level: 'warn', message: 'gunicorn was reloaded', fields: { node: 'a', reloads: 1 } },
      { level: 'warn', message: 'gunicorn was scaled', fields: { node: 'a', from: 2, to: 3 } },
    ]);
  });
});
