// What counting the traffic costs nginx: CPU of its workers for each request, with and without, in turns in one run.
//   node packages/controller/test/measure/traffic-cost.ts [--seconds 5] [--rounds 6] [--nodes 3]
// Needs `wrk`, which is no part of the set-up. The nodes are one more nginx that answers at once.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import type { EdgeNode } from '../../src/ports/edge.ts';
import { type Bench, freePort, makeBench, nginxBinary, soon, until } from '../nginx/harness.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '5' },
    rounds: { type: 'string', default: '6' },
    nodes: { type: 'string', default: '3' },
  },
});
const run = promisify(execFile);
const ticksPerSecond = 100;
const folder = mkdtempSync(join(tmpdir(), 'lameduck-traffic-'));
const port = await freePort();

const nodes: readonly EdgeNode[] = Array.from({ length: Number(values.nodes) }, (_, index) => ({
  name: `n${index}`,
  weight: 1,
  address: { kind: 'tcp', host: `127.0.${1 + Math.floor(index / 250)}.${1 + (index % 250)}`, port },
}));

mkdirSync(join(folder, 'temp'));
writeFileSync(
  join(folder, 'nginx.conf'),
  `daemon off; worker_processes 1; pid nginx.pid; error_log stderr crit; events { worker_connections 4096; }
   http { access_log off; keepalive_requests 1000000;
     client_body_temp_path temp/b; proxy_temp_path temp/p; fastcgi_temp_path temp/f; uwsgi_temp_path temp/u; scgi_temp_path temp/s;
     server { listen ${port}; location / { return 200 "hello\\n"; } } }\n`,
);
const backend = spawn(nginxBinary, ['-p', folder, '-c', join(folder, 'nginx.conf')], { stdio: 'inherit' });

/** CPU ticks of all workers of the edge. */
function ticks(bench: Bench): number {
  return bench.workers().reduce((sum, pid) => {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return sum + Number(fields[11]) + Number(fields[12]);
  }, 0);
}

async function load(bench: Bench): Promise<{ microseconds: number; perSecond: number }> {
  const before = ticks(bench);
  const url = `http://127.0.0.1:${bench.port}/`;
  const { stdout } = await run('wrk', ['-t1', '-c32', `-d${values.seconds}s`, url]);
  const requests = Number(/(\d+) requests in/.exec(stdout)?.[1]);
  if (/Non-2xx|Socket errors/.test(stdout)) throw new Error(stdout);
  const microseconds = (((ticks(bench) - before) / ticksPerSecond) * 1e6) / requests;
  return { microseconds, perSecond: requests / Number(values.seconds) };
}

const benches = {
  without: await makeBench({ kind: 'managed', mode: 'gate', more: { nodes, isCountingTraffic: false } }),
  with: await makeBench({ kind: 'managed', mode: 'gate', more: { nodes } }),
};
try {
  for (const bench of Object.values(benches)) await bench.edge.open([], soon());
  await until(async () => (await benches.with.ask()) === 'hello\n');
  const results: Record<string, { microseconds: number; perSecond: number }[]> = { without: [], with: [] };
  for (const bench of Object.values(benches)) await load(bench);
  for (let round = 0; round < Number(values.rounds); round += 1) {
    const order = Object.entries(benches);
    for (const [name, bench] of round % 2 === 0 ? order : order.reverse())
      results[name]?.push(await load(bench));
  }
  const median = (numbers: readonly number[]): number =>
    [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;
  const reads: number[] = [];
  const before = ticks(benches.with);
  for (let count = 0; count < 50; count += 1) {
    const beganAt = performance.now();
    await benches.with.edge.traffic(soon());
    reads.push(performance.now() - beganAt);
  }
  const spent = ((ticks(benches.with) - before) / ticksPerSecond) * 1000;
  process.stdout.write(
    `asked what it counted: ${median(reads).toFixed(1)} ms each, ${(spent / reads.length).toFixed(1)} ms of them nginx's CPU\n`,
  );
  const more = (results.with ?? []).map(
    ({ microseconds }, round) => microseconds - (results.without?.[round]?.microseconds ?? Number.NaN),
  );
  process.stdout.write(`median of the differences of each round: ${median(more).toFixed(2)} µs\n`);
  for (const [name, all] of Object.entries(results)) {
    const each = all.map(({ microseconds }) => microseconds);
    process.stdout.write(
      `${name.padEnd(8)} ${median(each).toFixed(1)} µs of CPU a request (${each.map((one) => one.toFixed(1)).join(' ')}), ${Math.round(median(all.map(({ perSecond }) => perSecond)))} requests/s\n`,
    );
  }
} finally {
  for (const bench of Object.values(benches)) await bench.dispose();
  const ended = once(backend, 'exit');
  backend.kill('SIGTERM');
  await ended;
  rmSync(folder, { recursive: true, force: true });
}
