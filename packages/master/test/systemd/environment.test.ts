import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { initialPool, type PoolSettings, type PoolState } from '@lameduck/core';
import { readPassedSocket } from '../../src/systemd/listen-fds.ts';
import { readNotifySettings } from '../../src/systemd/notify-settings.ts';
import { isAlive, messageOf } from '../../src/systemd/pool-messages.ts';

const fixture = fileURLToPath(new URL('../fixtures/master-process.ts', import.meta.url));

describe('LISTEN_FDS', () => {
  it('R23: gives the socket that is for us, and none without the variables', () => {
    assert.deepEqual(readPassedSocket({}, 7), {});
    assert.deepEqual(readPassedSocket({ LISTEN_FDS: '1', LISTEN_PID: '7' }, 7), { fd: 3 });
    assert.deepEqual(readPassedSocket({ LISTEN_FDS: '0', LISTEN_PID: '7' }, 7), {});
    assert.deepEqual(readPassedSocket({ LISTEN_FDS: '1', LISTEN_PID: '8' }, 7), { otherPid: 8 });
    const named = { LISTEN_FDS: '3', LISTEN_PID: '7', LISTEN_FDNAMES: 'a:b:lameduck' };
    assert.deepEqual(readPassedSocket(named, 7), { fd: 5 });
  });

  it('R23: values that cannot be meant are refused with one message that names the variable', () => {
    for (const [environment, message] of [
      [{ LISTEN_FDS: '1' }, /"LISTEN_PID".*unset$/],
      [{ LISTEN_PID: '7' }, /"LISTEN_FDS".*unset$/],
      [{ LISTEN_FDS: 'two', LISTEN_PID: '7' }, /"LISTEN_FDS".*"two"$/],
      [{ LISTEN_FDS: '-1', LISTEN_PID: '7' }, /"LISTEN_FDS"/],
      [{ LISTEN_FDS: '1', LISTEN_PID: 'me' }, /"LISTEN_PID".*"me"$/],
      [{ LISTEN_FDS: '2', LISTEN_PID: '7' }, /2 without names$/],
      [{ LISTEN_FDS: '2', LISTEN_PID: '7', LISTEN_FDNAMES: 'a:b' }, /2 named "a:b"$/],
      [{ LISTEN_FDS: '2', LISTEN_PID: '7', LISTEN_FDNAMES: 'lameduck:lameduck' }, /2 named/],
    ] as const)
      assert.throws(() => readPassedSocket(environment, 7), { code: 'config', message });
  });

  it('R23: a descriptor that is closed, a file or half of a socket pair is refused with exit code 78', async () => {
    for (const [redirect, got] of [
      ['3>&-', /"3".*current value is not passed$/],
      ['3</dev/null', /"3".*current value is \/dev\/null$/],
      ['', /"3".*a unix socket without a path$/],
    ] as const) {
      const script = `export LISTEN_FDS=1 LISTEN_PID=$$; exec "$0" "$1" '{"logger":0}' ${redirect}`;
      const child = spawn('sh', ['-c', script, process.execPath, fixture], {
        stdio: ['ignore', 'pipe', 'inherit', 'pipe', 'ipc'],
      });
      const told = once(child, 'message') as Promise<[{ error: { code: string; message: string } }]>;
      const ended = once(child, 'exit');
      const [{ error }] = await told;
      assert.equal(error.code, 'config');
      assert.match(error.message, got);
      assert.deepEqual(await ended, [78, null]);
    }
  });
});

describe('NOTIFY_SOCKET', () => {
  it('R23: says where and how often; nothing without it, or for another process', () => {
    assert.equal(readNotifySettings({}, 7), undefined);
    assert.equal(readNotifySettings({ WATCHDOG_USEC: '3000000' }, 7), undefined);
    const socket = '/run/systemd/notify';
    assert.deepEqual(readNotifySettings({ NOTIFY_SOCKET: socket }, 7), { socket });
    const watched = { NOTIFY_SOCKET: socket, WATCHDOG_USEC: '3000000' };
    assert.deepEqual(readNotifySettings(watched, 7), { socket, watchdogMs: 3000 });
    assert.deepEqual(readNotifySettings({ ...watched, WATCHDOG_PID: '7' }, 7), { socket, watchdogMs: 3000 });
    assert.deepEqual(readNotifySettings({ ...watched, WATCHDOG_PID: '8' }, 7), { socket });
    assert.equal(readNotifySettings({ WATCHDOG_USEC: 'abc', WATCHDOG_PID: '8' }, 7), undefined);
  });

  it('R23: values that cannot be meant are refused', () => {
    for (const environment of [
      { NOTIFY_SOCKET: 'relative' },
      { NOTIFY_SOCKET: '@' },
      { NOTIFY_SOCKET: '@a', WATCHDOG_USEC: '0' },
      { NOTIFY_SOCKET: '@a', WATCHDOG_USEC: '3s' },
      { WATCHDOG_USEC: 'abc' },
      { NOTIFY_SOCKET: '', WATCHDOG_USEC: '3s', WATCHDOG_PID: '7' },
    ])
      assert.throws(() => readNotifySettings(environment, 7), { code: 'config' });
  });
});

describe('what the pool means to systemd', () => {
  const ready: PoolState = {
    ...initialPool({} as PoolSettings, 1),
    phase: 'ready',
    isAnnounced: true,
    workers: [{ id: 1, generation: 1, state: 'ready', crashes: 0, isKilled: false }],
  };
  const budgets = { startMs: 1, stopMs: 2, reloadMs: 3 };

  it('R23: no sign of life once no worker is ready, but before the first, while stopping and when paused', () => {
    const waiting = ready.workers.map((worker) => ({ ...worker, state: 'waiting' as const }));
    assert.equal(isAlive(ready), true);
    assert.equal(isAlive({ ...ready, workers: waiting }), false);
    assert.equal(isAlive({ ...ready, workers: [], target: 0 }), true);
    assert.equal(isAlive({ ...ready, workers: waiting, isAnnounced: false }), true);
    assert.equal(isAlive({ ...ready, phase: 'stopping', mode: 'graceful', killed: 0, workers: [] }), true);
  });

  it('R23: a reload that follows another at once is RELOADING again; a stop in a reload is STOPPING, not READY', () => {
    const reloading: PoolState = { ...ready, phase: 'reloading', fresh: 2, tickets: [] };
    const next: PoolState = { ...reloading, fresh: 3, generation: 2 };
    assert.equal(messageOf(reloading, next, 5n, budgets)[0], 'RELOADING=1');
    assert.equal(messageOf(ready, reloading, 5n, budgets)[1], 'MONOTONIC_USEC=5');
    assert.deepEqual(messageOf(reloading, reloading, 5n, budgets), []);
    const stopping: PoolState = { ...ready, phase: 'stopping', mode: 'graceful', killed: 0 };
    assert.equal(messageOf(reloading, stopping, 5n, budgets)[0], 'STOPPING=1');
    assert.deepEqual(messageOf(stopping, { ...ready, phase: 'stopped', exitCode: 0 }, 5n, budgets), []);
  });
});
