import { latencyBucketsMs, type NodeTraffic, quantile } from './traffic.ts';

/*
 * Whether the nodes that went first may be followed by the others. Each criterion has its own verdict; one that has
 * failed is the end at once, one that is not yet sure must be sure when the soak is over, or a person decides.
 */

/** What must hold of the canary while it soaks. */
export interface SuccessCriteria {
  /** Share of its requests that may end with an error, 0 to 1. */
  readonly maxErrorRate: number;
  /** Its p99 over that of the other nodes in the same time. */
  readonly maxP99Ratio: number;
  /** Fewer than these say nothing. */
  readonly minRequests: number;
  /** Written by the user: then what cannot be measured is not taken for good. */
  readonly isDemanded: boolean;
}

/** What was seen since the soak began. */
export interface CanaryObservation {
  /** Why a canary is not well, in words; missing where all are. */
  readonly unhealthy?: string;
  /** As the edges counted it; missing where they count nothing. */
  readonly traffic?: { readonly canary: NodeTraffic; readonly others: NodeTraffic };
}

export type CriterionName = 'health' | 'requests' | 'errorRate' | 'p99';

/** `pending`: not sure yet. `skipped`: nothing to measure it by. */
export interface Criterion {
  readonly name: CriterionName;
  readonly verdict: 'passed' | 'failed' | 'pending' | 'skipped';
  /** Requests, a share of them, or milliseconds. */
  readonly value?: number;
  readonly limit?: number;
  /** Why, where it needs words. */
  readonly reason?: string;
}

export interface CanaryJudgement {
  readonly verdict: 'passed' | 'failed' | 'pending' | 'unsure';
  readonly criteria: readonly Criterion[];
  readonly reason?: string;
}

/** A p99 below this is good enough, whatever the others have: two fast nodes are not compared by their noise. */
const fastEnoughMs = 50;

/** `isOver`: the soak has ended; latency is judged only then, since a new process is slow at first. */
export function judgeCanary(
  seen: CanaryObservation,
  limits: SuccessCriteria,
  isOver: boolean,
): CanaryJudgement {
  const criteria = [judgeHealth(seen), ...judgeTraffic(seen, limits, isOver)];
  const failed = criteria.find(({ verdict }) => verdict === 'failed');
  if (failed !== undefined) return { verdict: 'failed', criteria, reason: explain(failed) };
  if (!isOver) return { verdict: 'pending', criteria };
  const unsure = criteria.find(
    ({ verdict }) => verdict === 'pending' || (verdict === 'skipped' && limits.isDemanded),
  );
  if (unsure === undefined) return { verdict: 'passed', criteria };
  return { verdict: 'unsure', criteria, reason: explain(unsure) };
}

function judgeHealth({ unhealthy }: CanaryObservation): Criterion {
  if (unhealthy === undefined) return { name: 'health', verdict: 'passed' };
  return { name: 'health', verdict: 'failed', reason: unhealthy };
}

function judgeTraffic(
  { traffic }: CanaryObservation,
  limits: SuccessCriteria,
  isOver: boolean,
): readonly Criterion[] {
  if (traffic === undefined) {
    const reason = 'the edges count no requests';
    return (['requests', 'errorRate', 'p99'] as const).map((name) => ({ name, verdict: 'skipped', reason }));
  }
  const { canary, others } = traffic;
  const isEnough = canary.requests >= limits.minRequests;
  const requests: Criterion = {
    name: 'requests',
    verdict: isEnough ? 'passed' : 'pending',
    value: canary.requests,
    limit: limits.minRequests,
  };
  return [requests, judgeErrors(canary, limits, isEnough), judgeLatency(canary, others, limits, isOver)];
}

function judgeErrors(canary: NodeTraffic, { maxErrorRate }: SuccessCriteria, isEnough: boolean): Criterion {
  const value = canary.requests === 0 ? 0 : canary.errors / canary.requests;
  const isTooMany = isEnough && value > maxErrorRate;
  const verdict = isTooMany ? 'failed' : isEnough ? 'passed' : 'pending';
  return { name: 'errorRate', verdict, value, limit: maxErrorRate };
}

function judgeLatency(
  canary: NodeTraffic,
  others: NodeTraffic,
  { maxP99Ratio, minRequests }: SuccessCriteria,
  isOver: boolean,
): Criterion {
  const own = quantile(canary.latency, 0.99);
  const usual = quantile(others.latency, 0.99);
  const shown = own === undefined ? {} : { value: own };
  if (usual === undefined || others.requests < minRequests) {
    const reason = 'the other nodes have too few requests to compare with';
    return { name: 'p99', verdict: isOver ? 'skipped' : 'pending', ...shown, reason };
  }
  const limit = Math.max(fastEnoughMs, usual * maxP99Ratio);
  if (own === undefined || canary.requests < minRequests || !isOver)
    return { name: 'p99', verdict: 'pending', ...shown, limit };
  if (own <= limit) return { name: 'p99', verdict: 'passed', value: own, limit };
  const slow = countAbove(canary.latency, limit);
  if (isBeyondChance(slow, canary.requests)) return { name: 'p99', verdict: 'failed', value: own, limit };
  const reason = `only ${Math.ceil(slow)} of ${canary.requests} requests were slower, which may be chance`;
  return { name: 'p99', verdict: 'passed', value: own, limit, reason };
}

/** Of few requests, one or two slow ones are the p99: three standard deviations more than 1 % are no chance. */
function isBeyondChance(slow: number, requests: number): boolean {
  const usual = requests * 0.01;
  return slow > usual + 3 * Math.sqrt(usual);
}

/** Answers that took longer, interpolated in the bucket that the bound lies in. */
function countAbove(latency: readonly number[], boundMs: number): number {
  return latency.reduce((sum, count, bucket) => {
    const from = latencyBucketsMs[bucket - 1] ?? 0;
    const to = latencyBucketsMs[bucket];
    if (to === undefined || from >= boundMs) return sum + count;
    return to <= boundMs ? sum : sum + (count * (to - boundMs)) / (to - from);
  }, 0);
}

function explain({ name, value = 0, limit = 0, reason }: Criterion): string {
  if (reason !== undefined) return name === 'health' ? `it is not healthy: ${reason}` : reason;
  switch (name) {
    case 'health':
      return 'it is not healthy';
    case 'requests':
      return `it has had ${value} requests, too few to judge it by (minRequests: ${limit})`;
    case 'errorRate':
      return `${formatShare(value)} of its requests ended with an error (maxErrorRate: ${formatShare(limit)})`;
    case 'p99':
      return `its p99 is ${Math.round(value)} ms, the others allow ${Math.round(limit)} ms (maxP99Ratio)`;
  }
}

/** `0.0123` as `1.2%`. */
export function formatShare(share: number): string {
  return `${Math.round(share * 1000) / 10}%`;
}
