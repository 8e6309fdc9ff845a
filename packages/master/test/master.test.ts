import assert from 'node:assert/strict';
import { it } from 'node:test';
import { MasterProcess } from './support/master-process.ts';
import { ask } from './support/requests.ts';

it('serves on its workers once it is ready, and ends with 0 after TERM', async (test) => {
  const master = new MasterProcess(test);
  const port = await master.ready();
  assert.equal((await ask(port, '/')).status, 200);
  const status = await master.status();
  assert.equal(status.state, 'ready');
  assert.equal(status.address, `127.0.0.1:${port}`);
  assert.deepEqual(
    status.workers.map((worker) => worker.state),
    ['ready', 'ready'],
  );
  master.signal('SIGTERM');
  assert.deepEqual(await master.ended, { code: 0, signal: null });
});
