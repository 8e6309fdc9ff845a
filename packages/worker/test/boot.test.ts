import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { RawClient } from './support/raw-client.ts';
import { reapWorkers, spawnWorker } from './support/spawn-worker.ts';

after(reapWorkers);

test('what a worker serves to itself before it is ready is not counted as answered', async () => {
  const worker = spawnWorker('pid.ts');
  await worker.message('ready');
  const first = await worker.message('beat');
  assert.deepEqual([first.counts.open, first.counts.answered], [0, 0]);
  const client = await RawClient.connect(worker.port);
  client.get('/one');
  await client.received(/one 0>/);
  client.close();
  worker.messages.length = 0;
  const { counts } = await worker.message('beat');
  assert.equal(counts.answered, 1);
  assert.doesNotMatch(worker.stderr(), /began \/(?!one)/);
});

test('a worker becomes ready where something watches its servers, and serves nothing to itself then', async () => {
  const watcher = `data:text/javascript,${encodeURIComponent(
    "import { Server } from 'node:http'; const { emit } = Server.prototype;" +
      "Server.prototype.emit = function (event, ...rest) { if (event === 'request') process.stderr.write('seen '); return emit.call(this, event, ...rest); };",
  )}`;
  const worker = spawnWorker('pid.ts', { environment: { NODE_OPTIONS: `--import=${watcher}` } });
  await worker.message('ready');
  assert.doesNotMatch(worker.stderr(), /seen/);
  const client = await RawClient.connect(worker.port);
  client.get('/one');
  await client.received(/one 0>/);
  client.close();
});
