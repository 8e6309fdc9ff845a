import { existsSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { joinLedgers, type LedgerResult, type Load, readServerLedger, runLoad } from '@lameduck/ledger';
import type { Rounds } from './compare.ts';
import { median, say, spread } from './figures.ts';
import {
  foreignStarts,
  gunicornReload,
  lameduckFastReload,
  lameduckReload,
  lameduckWarmReload,
  pm2Reload,
  type ReloadKind,
  type ReloadPeer,
} from './reload-peers.ts';

const reloadKinds = [
  lameduckReload,
  lameduckFastReload,
  lameduckWarmReload,
  foreignStarts,
  pm2Reload,
  gunicornReload,
];
/** Ours as fast as it can, which is harder. */
const lossKinds = [lameduckFastReload, pm2Reload, gunicornReload];
const workers = 2;
/** Short requests: their latency shows what a reload adds, and no drain waits for a slow one. */
const shortMix = { get: 24, post: 8, fresh: 4 };
/** Every kind of traffic, with drains that are not mostly waiting for slow uploads. */
const lossShapes = { uploadMs: [200, 800], slowMs: [50, 300] } as const;

/** p99 while workers are replaced without a pause, against p99 at rest, and the time of one reload of four. */
export async function sayReloads({ pairs, runMs, rows }: Rounds): Promise<void> {
  const total = Object.values(shortMix).reduce((sum, number) => sum + number, 0);
  say(`\n${pairs} pairs of ${runMs} ms at rest and ${runMs} ms of reload after reload, ${workers} workers,`);
  say(`${total} connections, 15 requests/s on each; medians (least to most)\n`);
  say('| reload | p99 at rest | p99 during | ratio | reloads | lost of | one reload of 4, at rest |');
  say('|---|---|---|---|---|---|---|');
  for (const kind of reloadKinds) {
    if (!kind.name.includes(rows) || isMissing(kind)) continue;
    const cells = await measureLatency(kind, pairs, runMs);
    const ofFour = kind === foreignStarts ? '–' : `${Math.round(await timeOfFour(kind))} ms`;
    say(`| ${[kind.name, ...cells, ofFour].join(' | ')} |`);
  }
}

async function measureLatency(kind: ReloadKind, pairs: number, runMs: number): Promise<string[]> {
  const peer = await kind.start(workers);
  const load = runLoad({ url: peer.url, connections: shortMix, ratePerConnection: 15 });
  let reloads = 0;
  try {
    await pause(2000);
    for (let pair = 0; pair < pairs; pair += 1) {
      load.mark(`rest ${pair}`);
      await pause(runMs);
      load.mark(`reload ${pair}`);
      for (const endsAt = performance.now() + runMs; performance.now() < endsAt; reloads += 1)
        await peer.reload();
    }
    load.mark('after');
  } finally {
    await load.stop();
    await peer.stop();
  }
  const ledger = await load.done;
  const p99 = (phase: string): number =>
    ledger.phases.find((candidate) => candidate.name === phase)?.latency.p99 ?? Number.NaN;
  const turns = Array.from({ length: pairs }, (_, pair) => pair);
  const [rest, during] = ['rest', 'reload'].map((name) => turns.map((pair) => p99(`${name} ${pair}`)));
  const ratios = turns.map((pair) => (during?.[pair] ?? 0) / (rest?.[pair] ?? 0));
  const lost = `${ledger.lost} of ${ledger.sent.toLocaleString('en')}`;
  return [
    `${median(rest ?? []).toFixed(1)} ms`,
    `${median(during ?? []).toFixed(1)} ms`,
    spread(ratios, 2),
    String(reloads),
    lost,
  ];
}

async function timeOfFour(kind: ReloadKind): Promise<number> {
  const peer = await kind.start(4);
  const times: number[] = [];
  try {
    for (let turn = 0; turn < 3; turn += 1) {
      const beganAt = performance.now();
      await peer.reload();
      times.push(performance.now() - beganAt);
    }
  } finally {
    await peer.stop();
  }
  return median(times);
}

/** How long the long run goes on: to both numbers, or to its time. */
export interface LongRun {
  readonly reloads: number;
  readonly requests: number;
  readonly mostMinutes: number;
  /** The same for each peer, whose reloads may take longer. */
  readonly peerMinutes: number;
}

/** Lost requests over many reloads: the whole mix of traffic, and a client that retries nothing. */
export async function sayLosses(least: LongRun): Promise<void> {
  const { reloads, requests, mostMinutes, peerMinutes } = least;
  say(`to ${reloads} reloads and ${requests.toLocaleString('en')} requests,`);
  say(`or ${mostMinutes} minutes (ours), ${peerMinutes} minutes (each peer)\n`);
  say('| reload | reloads | sent | lost | of these | executed twice | one reload, median | minutes |');
  say('|---|---|---|---|---|---|---|---|');
  for (const kind of lossKinds) {
    if (isMissing(kind)) continue;
    const mostMs = (kind === lameduckFastReload ? mostMinutes : peerMinutes) * 60_000;
    say(`| ${(await measureLosses(kind, least, mostMs)).join(' | ')} |`);
  }
}

async function measureLosses(kind: ReloadKind, least: LongRun, mostMs: number): Promise<string[]> {
  const peer = await kind.start(workers);
  const load = runLoad({ url: peer.url, connections: 40, shapes: lossShapes, timeoutMs: 20_000 });
  const beganAt = performance.now();
  let times: readonly number[];
  let ledger: LedgerResult;
  try {
    times = await reloadOften(peer, load, least, beganAt + mostMs);
  } finally {
    await load.stop();
    ledger = joinLedgers(await load.done, await readServerLedger(peer.ledgers));
    await peer.stop();
  }
  const reasons = Object.entries(ledger.reasons).filter(([, count]) => count > 0);
  return [
    kind.name,
    String(times.length),
    ledger.sent.toLocaleString('en'),
    String(ledger.lost),
    reasons.map(([reason, count]) => `${count} ${reason}`).join(', ') || 'none',
    String(ledger.server?.duplicates.length),
    `${Math.round(median(times))} ms`,
    ((performance.now() - beganAt) / 60_000).toFixed(1),
  ];
}

async function reloadOften(
  peer: ReloadPeer,
  load: Load,
  least: LongRun,
  endsAt: number,
): Promise<readonly number[]> {
  const times: number[] = [];
  const isEnough = (): boolean => times.length >= least.reloads && load.snapshot().sent >= least.requests;
  while (performance.now() < endsAt && !isEnough()) {
    const startedAt = performance.now();
    await peer.reload();
    times.push(performance.now() - startedAt);
  }
  return times;
}

function isMissing({ name, needs }: ReloadKind): boolean {
  if (needs === undefined || existsSync(needs)) return false;
  say(`| ${name}: missing, nothing at ${needs} | | | | | | |`);
  return true;
}
