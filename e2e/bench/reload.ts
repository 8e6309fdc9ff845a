// Reloads under load, ours beside its peers: lost requests, p99 during against p99 at rest, time of a reload.
//   node e2e/bench/reload.ts [--reloads 20] [--connections 40] [--rate 25]
// The load is the ledger client's: it retries nothing. PM2 is installed into e2e/bench/peers at the first run.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { joinLedgers, type LedgerResult, readServerLedger, runLoad } from '@lameduck/ledger';
import { makeRunFolder } from '../support/run-service.ts';
import { type StartPeer, startGunicorn, startLameduck, startPm2 } from './reload-peers.ts';

const { values } = parseArgs({
  options: {
    reloads: { type: 'string', default: '20' },
    connections: { type: 'string', default: '40' },
    rate: { type: 'string', default: '25' },
  },
});
const reloads = Number(values.reloads);
const restMs = 8000;

interface Outcome {
  readonly name: string;
  readonly ledger: LedgerResult;
  readonly reloadMs: readonly number[];
}

function installPeers(): void {
  const folder = join(import.meta.dirname, 'peers');
  if (existsSync(join(folder, 'node_modules', 'pm2'))) return;
  execFileSync('npm', ['ci', '--ignore-scripts'], { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
}

async function measure(start: StartPeer): Promise<Outcome> {
  const folder = makeRunFolder();
  mkdirSync(folder, { recursive: true });
  const peer = await start(folder);
  const reloadMs: number[] = [];
  const load = runLoad({
    url: peer.url,
    connections: Number(values.connections),
    ratePerConnection: Number(values.rate),
  });
  try {
    load.mark('warm');
    await pause(2000);
    load.mark('rest');
    await pause(restMs);
    load.mark('reloads');
    for (let turn = 0; turn < reloads; turn += 1) {
      const beganAt = performance.now();
      await peer.reload();
      reloadMs.push(performance.now() - beganAt);
    }
    load.mark('after');
  } finally {
    await load.stop();
    await peer.stop();
  }
  const ledger = joinLedgers(await load.done, await readServerLedger(folder));
  rmSync(folder, { recursive: true, force: true });
  return { name: peer.name, ledger, reloadMs };
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((one, other) => one - other)[Math.floor(numbers.length / 2)] ?? Number.NaN;
}

function row({ name, ledger, reloadMs }: Outcome): string {
  const p99 = (phase: string): number =>
    ledger.phases.find((candidate) => candidate.name === phase)?.latency.p99 ?? Number.NaN;
  const cells = [
    name,
    reloadMs.length,
    ledger.sent.toLocaleString('en'),
    ledger.lost,
    ledger.server?.duplicates.length,
    `${p99('rest').toFixed(1)} ms`,
    `${p99('reloads').toFixed(1)} ms`,
    (p99('reloads') / p99('rest')).toFixed(2),
    `${Math.round(median(reloadMs))} ms`,
  ];
  return `| ${cells.join(' | ')} |`;
}

installPeers();
process.stdout.write(
  '| reload | times | sent | lost | executed twice | p99 at rest | p99 during | ratio | time, median |\n',
);
process.stdout.write('|---|---|---|---|---|---|---|---|---|\n');
for (const start of [startLameduck, startPm2, startGunicorn]) {
  process.stdout.write(`${row(await measure(start))}\n`);
}
