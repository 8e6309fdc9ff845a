import { performance } from 'node:perf_hooks';
import { parentPort, workerData } from 'node:worker_threads';
import { createHealthChecker } from '../adapters/health-checker.ts';
import { systemClock } from '../adapters/system/clock.ts';
import type { CheckCounts, HealthNews } from '../ports/health-checks.ts';
import { createCheckLoop } from './check-loop.ts';
import type { ThreadRequest, ThreadSetup } from './thread-messages.ts';

// The program of the check thread, started by threaded-checks.ts.

/** News wait this long for others, so that the main thread is woken seldom. */
const gatherMs = 20;

const { targets, timeOrigin, jitter } = workerData as ThreadSetup;
const ahead = performance.timeOrigin - timeOrigin;
const clock = { ...systemClock, now: (): number => systemClock.now() + ahead };
const loop = createCheckLoop({
  checker: createHealthChecker(),
  clock,
  isTerse: true,
  ...(jitter === undefined ? {} : { jitter }),
});
let gathered: HealthNews[] = [];

loop.open(targets, (news) => {
  if (gathered.length === 0) clock.schedule(gatherMs, send);
  gathered.push(...news);
});
parentPort?.on('message', (request: ThreadRequest) => {
  if (request === 'counts') void loop.counts().then((counts) => parentPort?.postMessage(plain(counts)));
  else for (const [target, command] of request) loop.tell(target, command);
});

/** An instance of a class is cloned without its getters and methods; say what is meant. */
function plain({ passed, failed, lastMs, durations }: CheckCounts): CheckCounts {
  const { bounds, counts, sum } = durations;
  return { passed, failed, lastMs, durations: { bounds, counts, sum } };
}

function send(): void {
  parentPort?.postMessage(gathered);
  gathered = [];
}
