import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readArbiterAnswer } from '../../src/adapters/gunicorn/arbiter-answer.ts';

// As Gunicorn 27.0.1 answered, shortened.
const stats = {
  uptime: 3.79,
  pid: 15_397,
  workers_current: 2,
  workers_target: 2,
  workers_spawned: 5,
  workers_killed: 0,
  reloads: 1,
  dirty_arbiter_pid: null,
};
const worker = (pid: number, beat: unknown, aborted = false): object => ({
  ...{ pid, age: 1, booted: false, aborted, last_heartbeat: beat },
});
const config = { worker_class: "<class 'gunicorn.workers.sync.SyncWorker'>", timeout: 30 };

describe('what a Gunicorn answers', () => {
  it('tells its counters and the sign of life of each worker, whatever it says of booted', () => {
    const workers = [worker(10, -1_795_358_229.56), worker(11, 0.06), worker(12, 17.9), worker(13, 18.1)];
    const told = readArbiterAnswer('s', [stats, { workers: [...workers, worker(14, 1, true)] }, config]);
    assert.deepEqual([told.pid, told.target, told.spawned, told.reloads], [15_397, 2, 5, 1]);
    assert.deepEqual(
      [...told.workers],
      [
        [10, 'booting'],
        [11, 'alive'],
        [12, 'alive'],
        [13, 'hung'],
        [14, 'hung'],
      ],
    );
  });

  it('names no worker hung where Gunicorn has no timeout, or where it tells no sign of life', () => {
    const workers = { workers: [worker(10, 500), worker(11, null)], count: 2 };
    for (const timeout of [0, undefined, 'x']) {
      const told = readArbiterAnswer('s', [stats, workers, { timeout }]);
      assert.deepEqual([...told.workers.values()], ['alive', 'alive'], String(timeout));
    }
  });

  it('is refused where it is of another form, with the name of the socket', () => {
    const list = { workers: [] };
    const wrong: [unknown[], RegExp][] = [
      [
        [undefined, list, config],
        /"s": show stats must be answered with an object: current value is nothing/,
      ],
      [[{ ...stats, pid: '7' }, list, config], /pid must be a whole number: current value is "7"/],
      [[{ ...stats, reloads: -1 }, list, config], /reloads must be a whole number: current value is -1/],
      [[stats, { workers: {} }, config], /workers must be a list/],
      [
        [stats, { workers: [null] }, config],
        /a worker must be answered with an object: current value is null/,
      ],
      [[stats, { workers: [worker(1.5, 0)] }, config], /pid must be a whole number: current value is 1.5/],
      [[stats, list, 'x'.repeat(1000)], /show config .{0,60}"x{90,99}$/],
    ];
    for (const [answers, message] of wrong)
      assert.throws(() => readArbiterAnswer('s', answers), { code: 'internal', message });
  });
});
