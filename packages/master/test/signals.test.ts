import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { it } from 'node:test';
import { largestPool, type MasterStatus } from '@lameduck/core';
import { pino } from 'pino';
import { type Master, obeySignals } from '../src/index.ts';

const logger = pino({ level: 'silent' });

/** Records what a signal asks of the master. */
function recordingMaster(target: number): { readonly master: Master; readonly calls: string[] } {
  const calls: string[] = [];
  const status = { target } as MasterStatus;
  const master: Master = {
    address: { kind: 'tcp', host: '127.0.0.1', port: 1 },
    ready: Promise.resolve(true),
    ended: Promise.resolve(0),
    left: Promise.resolve(0),
    reload: () => {
      calls.push('reload');
      return Promise.reject(new Error('the new code is broken'));
    },
    scale: (workers) => calls.push(`scale ${workers}`),
    resize: (workers) => {
      calls.push(`resize ${workers}`);
      return Promise.resolve();
    },
    pause: () => calls.push('pause'),
    upgrade: () => {
      calls.push('upgrade');
      return Promise.reject(new Error('the new master is broken'));
    },
    lameDuck: () => undefined,
    reopenLogs: () => calls.push('reopenLogs'),
    metrics: () => Promise.resolve(''),
    stop: (mode) => calls.push(`stop ${mode}`),
    leave: () => calls.push('leave'),
    linger: () => undefined,
    status: () => status,
  };
  return { master, calls };
}

it('TTIN asks for no more workers than a master may have', () => {
  const source = new EventEmitter();
  const { master, calls } = recordingMaster(largestPool);
  obeySignals(master, logger, source);
  source.emit('SIGTTIN', 'SIGTTIN');
  assert.deepEqual(calls, [`scale ${largestPool}`]);
});

it('each signal asks for what it asks for in Gunicorn; a failed reload or upgrade is only logged', () => {
  const source = new EventEmitter();
  const { master, calls } = recordingMaster(2);
  obeySignals(master, logger, source);
  const signals = ['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGTTIN', 'SIGTTOU'];
  for (const signal of signals) source.emit(signal, signal);
  const stops = ['leave', 'stop quick', 'stop quick'];
  assert.deepEqual(calls, [...stops, 'reload', 'reopenLogs', 'upgrade', 'scale 3', 'scale 1']);
});

it('TTOU never asks for less than one worker', () => {
  const source = new EventEmitter();
  const { master, calls } = recordingMaster(1);
  obeySignals(master, logger, source);
  source.emit('SIGTTOU', 'SIGTTOU');
  assert.deepEqual(calls, ['scale 1']);
});

it('every signal that would end or stop Node has a listener, and all of them can be taken off', () => {
  const source = new EventEmitter();
  const { master, calls } = recordingMaster(1);
  const release = obeySignals(master, logger, source);
  const signals = [
    'SIGTERM',
    'SIGINT',
    'SIGQUIT',
    'SIGHUP',
    'SIGUSR1',
    'SIGUSR2',
    'SIGTTIN',
    'SIGTTOU',
    'SIGWINCH',
  ];
  assert.deepEqual(source.eventNames().toSorted(), signals.toSorted());
  assert.deepEqual(calls, []);
  release();
  assert.deepEqual(source.eventNames(), []);
});
