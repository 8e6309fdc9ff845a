import { backOffMs, type PoolEvent, type PoolState, type PoolWorker, poolStatus } from '@lameduck/core';
import type { Logger } from 'pino';

/** One line for each transition of the pool and of its workers; beats and timers that change nothing give none. */
export function logTransition(
  logger: Logger,
  pidOf: (id: number) => number | undefined,
): (event: PoolEvent, from: PoolState, to: PoolState) => void {
  return (event, from, to) => {
    for (const worker of to.workers) {
      const before = from.workers.find((other) => other.id === worker.id);
      if (before?.state !== worker.state) logWorker(logger, pidOf, event, before, worker);
    }
    for (const worker of from.workers)
      if (!to.workers.some((other) => other.id === worker.id))
        logWorker(logger, pidOf, event, worker, undefined);
    const [fromState, toState] = [poolStatus(from), poolStatus(to)];
    const isMoved = fromState !== toState || from.generation !== to.generation || from.target !== to.target;
    if (!isMoved) return;
    const { generation, target } = to;
    logger.info({ from: fromState, to: toState, event: event.type, generation, target }, 'pool changed');
  };
}

function logWorker(
  logger: Logger,
  pidOf: (id: number) => number | undefined,
  event: PoolEvent,
  from: PoolWorker | undefined,
  to: PoolWorker | undefined,
): void {
  const worker = to ?? from;
  if (worker === undefined) return;
  const isOwnEvent = 'id' in event && event.id === worker.id;
  const isCrash = to === undefined && event.type === 'workerExited' && worker.state !== 'draining';
  const fields = {
    worker: worker.id,
    pid: pidOf(worker.id),
    generation: worker.generation,
    from: from?.state ?? 'none',
    to: to?.state ?? 'gone',
    event: event.type === 'timerFired' ? `${event.timer.name}Expired` : event.type,
    ...(isOwnEvent && event.type === 'workerExited' ? { code: event.code, signal: event.signal } : {}),
    ...(isCrash && worker.failure !== undefined ? { reason: worker.failure } : {}),
    ...(to?.state === 'waiting' ? { retryInMs: backOffMs(to.crashes), crashes: to.crashes } : {}),
  };
  if (isCrash) logger.error(fields, 'worker crashed');
  else logger.info(fields, 'worker changed');
}
