import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { joinLedgers, readServerLedger } from '../src/read-server-ledger.ts';
import { runLoad } from '../src/run-load.ts';
import { serverLedger } from '../src/server-ledger.ts';
import { type Fault, startServer } from './faulty-server.ts';

let root = '';
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'ledger-'));
});
after(() => rm(root, { recursive: true, force: true }));

test('the join finds exactly the planted duplicates, executed losses and unseen losses', async () => {
  const dir = join(root, 'join');
  const planted = { twice: [] as string[], executedButLost: [] as string[] };
  const fault: Fault = ({ request, number, id }, ledger) => {
    if (number % 20 === 0) {
      ledger.started(id);
      planted.twice.push(id);
    }
    if (number % 25 !== 1) return false;
    planted.executedButLost.push(id);
    request.socket.destroy();
    return true;
  };
  const server = await startServer(fault, dir);
  let connections = 0;
  let unseen = 0;
  server.server.prependListener('connection', (socket) => {
    connections += 1;
    if (connections % 30 !== 0) return;
    unseen += 1;
    socket.resetAndDestroy();
  });
  const load = runLoad({ url: server.url, connections: { fresh: 5 }, ratePerConnection: 0, count: 600 });
  const client = await load.done;
  await server.close();
  const { server: joined, lost } = joinLedgers(client, await readServerLedger(dir));
  assert.ok(planted.twice.length > 20 && planted.executedButLost.length > 20 && unseen > 15);
  assert.deepEqual(joined?.duplicates.toSorted(), planted.twice.toSorted());
  assert.deepEqual(joined?.executedButLost.toSorted(), planted.executedButLost.toSorted());
  assert.equal(joined?.unseen.length, unseen);
  assert.equal(lost, unseen + planted.executedButLost.length);
  assert.equal(joined?.answeredUnseen, 0);
  assert.deepEqual(joined?.nodes, { test: 600 - unseen + planted.twice.length });
});

test('entries of another run are left out, and a hole in the server ledger is told', async () => {
  const dir = join(root, 'other');
  const ledger = serverLedger({ dir, node: 'a' });
  for (const id of ['other-1', 'other-1']) ledger.started(id);
  ledger.close();
  const server = await startServer();
  const client = await runLoad({ url: server.url, connections: 1, ratePerConnection: 0, count: 5 }).done;
  await server.close();
  const { server: joined } = joinLedgers(client, await readServerLedger(dir));
  assert.deepEqual(joined?.duplicates, []);
  assert.deepEqual(joined?.nodes, {});
  assert.equal(joined?.answeredUnseen, 5);
});

test('what a process noted before a SIGKILL is in its ledger', async () => {
  const dir = join(root, 'killed');
  const script = `
    import { serverLedger } from '${new URL('../src/server-ledger.ts', import.meta.url).href}';
    const ledger = serverLedger();
    for (let number = 1; number <= 1000; number += 1) ledger.started('run-' + number);
    process.kill(process.pid, 'SIGKILL');`;
  const env = { ...process.env, LEDGER_DIR: dir, NODE_NAME: 'node-b' };
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { env, stdio: 'ignore' });
  const [, signal] = await once(child, 'exit');
  assert.equal(signal, 'SIGKILL');
  assert.deepEqual(await readdir(dir), [`node-b-${child.pid}.log`]);
  const entries = await readServerLedger(dir);
  assert.equal(entries.size, 1000);
  assert.deepEqual(entries.get('run-1000'), { startedOn: ['node-b'], finished: 0 });
});

test('an id that could forge lines is not noted, and a last line without its end is not read', async () => {
  const dir = join(root, 'forged');
  const ledger = serverLedger({ dir, node: 'a' });
  ledger.started('x\nS run-1');
  ledger.started('run-2');
  ledger.close();
  const [name = ''] = await readdir(dir);
  assert.equal(await readFile(join(dir, name), 'utf8'), 'S run-2\n');
  await writeFile(join(dir, 'b-1.log'), 'S run-3\nS run-');
  assert.deepEqual([...(await readServerLedger(dir)).keys()].toSorted(), ['run-2', 'run-3']);
});

test('without a directory nothing is written and nothing fails', () => {
  const ledger = serverLedger({ dir: '', node: 'a' });
  ledger.started('run-1');
  ledger.close();
  ledger.close();
  assert.equal(ledger.node, 'a');
});
