// `make bench`: each server beside its peer in one run, in turn, pair by pair; only ratios are claimed, because
// absolute rates follow the machine.
//   node e2e/bench/run.ts [--only speed,observe,footprint,reload,gate] [--pairs 7] [--ms 3000] [--rows TEXT]
//   node e2e/bench/run.ts --long [--reloads 200] [--requests 200000] [--minutes 15] [--peer-minutes 10]   lost requests
// PM2 and Watt are installed into e2e/bench/peers by the first run. What is missing is said to be missing.
import { parseArgs } from 'node:util';
import { compare, sayHead } from './compare.ts';
import { say } from './figures.ts';
import { sayFootprints } from './footprint.ts';
import { sayGate } from './gate.ts';
import { installPeers } from './peers.ts';
import { sayLosses, sayReloads } from './reload.ts';
import { bare, cluster, gunicorn, lameduck, pm2, watt } from './targets.ts';
import { requireWrk } from './wrk.ts';

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: 'speed,observe,footprint,reload,gate' },
    pairs: { type: 'string', default: '7' },
    ms: { type: 'string', default: '3000' },
    rows: { type: 'string', default: '' },
    long: { type: 'boolean', default: false },
    reloads: { type: 'string', default: '200' },
    requests: { type: 'string', default: '200000' },
    minutes: { type: 'string', default: '15' },
    'peer-minutes': { type: 'string', default: '10' },
  },
});
const parts = values.only.split(',');
const rounds = { pairs: Number(values.pairs), runMs: Number(values.ms), rows: values.rows };

async function saySpeed(): Promise<void> {
  sayHead(rounds);
  await compare(lameduck(1), bare, 'keep', rounds);
  for (const peer of [cluster(2), pm2(2), watt(2)])
    for (const traffic of ['keep', 'close'] as const) await compare(lameduck(2), peer, traffic, rounds);
  for (const traffic of ['keep', 'close', 'post'] as const)
    await compare(lameduck(2), gunicorn(2), traffic, rounds);
}

/** What it costs to look at a worker. */
async function sayObserved(): Promise<void> {
  const accessLog = ['--access-log', 'FOLDER/access.log'];
  sayHead(rounds);
  for (const options of [['--metrics'], accessLog, [...accessLog, '--access-log-format', 'combined']])
    await compare(lameduck(1, options), lameduck(1), 'keep', rounds);
}

requireWrk();
// the gate has no peer to install
if (values.only !== 'gate') installPeers();
if (values.long) {
  const least = { reloads: Number(values.reloads), requests: Number(values.requests) };
  await sayLosses({
    ...least,
    mostMinutes: Number(values.minutes),
    peerMinutes: Number(values['peer-minutes']),
  });
} else {
  if (parts.includes('speed')) await saySpeed();
  if (parts.includes('observe')) await sayObserved();
  if (parts.includes('footprint'))
    await sayFootprints([bare, lameduck(2), cluster(2), pm2(2), watt(2), gunicorn(2)], 5);
  if (parts.includes('reload')) await sayReloads(rounds);
  if (parts.includes('gate')) await sayGate(rounds);
  say();
}
