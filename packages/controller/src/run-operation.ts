import {
  beginOperation,
  type OperationEffect,
  type OperationEvent,
  type OperationProgress,
  type OperationReport,
  type OperationSpec,
  type OperationState,
  type OperationTimer,
  runMachine,
  stepOperation,
} from '@lameduck/core';
import { type NodeRecord, noteState } from './node-record.ts';
import { failure, OperationShell, type Send } from './operation-shell.ts';
import type { OperationSurroundings } from './operation-surroundings.ts';

export type OnProgress = (progress: OperationProgress) => void;

/** Runs one operation to its report. Never rejects: what goes wrong is in the report. */
export function runOperation(
  spec: OperationSpec,
  record: NodeRecord,
  around: OperationSurroundings,
  onProgress: OnProgress,
  signal: AbortSignal,
): Promise<OperationReport> {
  const { promise, resolve } = Promise.withResolvers<OperationReport>();
  const ended = new AbortController();
  const timers = new Map<OperationTimer, () => void>();
  const send: Send = (event) => machine.send({ ...event, at: around.clock.now() } as OperationEvent);
  const either = AbortSignal.any([signal, ended.signal]);
  const shell = new OperationShell(spec, record, around, onProgress, either, send);

  function perform(effect: OperationEffect): void {
    if (effect.type === 'startTimer') {
      const { timer, ms } = effect;
      timers.get(timer)?.();
      timers.set(
        timer,
        around.clock.schedule(ms, () => send({ type: 'timerExpired', timer })),
      );
    } else if (effect.type === 'cancelTimer') {
      timers.get(effect.timer)?.();
    } else if (effect.type === 'finish') {
      ended.abort();
      resolve(shell.complete(effect.report));
    } else {
      shell.run(effect.type, effect.type === 'rollBack' ? effect.reason : undefined);
    }
  }

  const machine = runMachine(stepOperation, beginOperation(spec), perform, (event, from, to) => {
    around.observe(event, from, to);
    reportPhase(spec.node, record, from, to, onProgress);
    noteState(record, around.clock.now());
  });
  signal.addEventListener('abort', () => send(failure(signal.reason)), { once: true, signal: ended.signal });
  send({ type: 'begun' });
  // while it was recorded the controller may have been told to stop; the listener would never hear of that
  if (signal.aborted) send(failure(signal.reason));
  return promise;
}

function reportPhase(
  node: string,
  record: NodeRecord,
  from: OperationState,
  to: OperationState,
  onProgress: OnProgress,
): void {
  if (from.phase === to.phase) return;
  const phases = to.phase === 'done' ? to.report.phases : to.phase === 'idle' ? [] : to.phases;
  const last = phases.at(-1);
  if (from.phase !== 'idle' && last !== undefined) {
    onProgress({ type: 'phaseEnded', node, phase: last.name, ms: last.ms });
  }
  if (to.phase === 'done' || to.phase === 'idle') return;
  if (record.operation !== undefined) record.operation = { ...record.operation, phase: to.phase };
  onProgress({ type: 'phase', node, phase: to.phase });
}
