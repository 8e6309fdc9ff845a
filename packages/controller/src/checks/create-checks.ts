import type { Config } from '@lameduck/core';
import type { Logger } from 'pino';
import { createHealthChecker } from '../adapters/health-checker.ts';
import { systemClock } from '../adapters/system/clock.ts';
import type { HealthChecks } from '../ports/health-checks.ts';
import { createCheckLoop } from './check-loop.ts';
import { createThreadedChecks } from './threaded-checks.ts';

/**
 * From so many checks a second on they get a thread of their own. Fewer cost the controller's loop less than that
 * thread costs memory (docs/guarantees.md has both figures).
 */
const threadFromRate = 200;

/** The checks of a service: in the caller's loop where they are few, else in a thread. */
export function createHealthChecks(config: Config, logger: Logger): HealthChecks {
  const rate = config.nodes.reduce((sum, { health }) => sum + 1000 / leastIntervalMs(health), 0);
  if (rate < threadFromRate) return createCheckLoop({ checker: createHealthChecker(), clock: systemClock });
  const onCrash = (reason: string, delayMs: number): void =>
    logger.error({ reason, delayMs }, 'the thread of the health checks ended, a new one will take over');
  return createThreadedChecks({ onCrash });
}

function leastIntervalMs({ intervalMs, downIntervalMs }: Config['nodes'][number]['health']): number {
  return Math.min(intervalMs, downIntervalMs);
}
