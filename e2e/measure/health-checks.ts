// Checks many targets once a second with the product's checks, then with HAProxy, in one run; prints CPU, memory and how
// late the checks arrived at the target (one nginx that answers for all of 127.1.0.0/16), as Markdown.
//   node e2e/measure/health-checks.ts [--targets 10000] [--seconds 20] [--rounds 3]
// HAProxy is no part of the set-up: `apt-get install haproxy` by hand, else its row is left out and the script says so.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { freePorts } from '../support/ports.ts';

const { values } = parseArgs({
  options: {
    targets: { type: 'string', default: '10000' },
    seconds: { type: 'string', default: '20' },
    rounds: { type: 'string', default: '3' },
  },
});
const targets = Number(values.targets);
const seconds = Number(values.seconds);
/** Until the load is even: connections are opened, code is compiled, the first checks are spread. */
const warmUpMs = 10_000;
const ticksPerSecond = 100;
const nginx = process.env.LAMEDUCK_NGINX ?? '/usr/sbin/nginx';
const folder = mkdtempSync(join(tmpdir(), 'lameduck-checks-'));
const [port = 0] = await freePorts(1);

interface Measured {
  readonly name: string;
  readonly cpu: number;
  readonly rssMiB: number;
  /** Load average of the machine at the end: how much of the lateness is not ours. */
  readonly load: number;
  /** The window, milliseconds since 1970. */
  readonly from: number;
  readonly to: number;
  readonly said: string;
}

/** A process measured over the window, then ended by SIGTERM. */
async function measure(name: string, child: ChildProcess): Promise<Measured> {
  process.stderr.write(`${name} …\n`);
  const said = child.stdout === null ? Promise.resolve('') : text(child.stdout);
  const ended = once(child, 'exit');
  await pause(warmUpMs);
  const before = cpuTicks(child);
  const from = Date.now();
  await pause(seconds * 1000);
  const to = Date.now();
  const cpu = (cpuTicks(child) - before) / ticksPerSecond / ((to - from) / 1000);
  const rssMiB = memoryMiB(child);
  child.kill('SIGTERM');
  await ended;
  return { name, cpu, rssMiB, load: loadavg()[0] ?? 0, from, to, said: await said };
}

function cpuTicks({ pid, exitCode }: ChildProcess): number {
  if (exitCode !== null) throw new Error(`it ended with ${exitCode}`);
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return Number(fields[11]) + Number(fields[12]);
}

function memoryMiB({ pid }: ChildProcess): number {
  const found = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(found?.[1] ?? Number.NaN) / 1024;
}

function startTarget(): ChildProcess {
  const conf = join(folder, 'nginx.conf');
  writeFileSync(
    conf,
    `daemon off; worker_processes 1; pid ${folder}/nginx.pid; error_log ${folder}/error.log;
events { worker_connections 19000; }
http {
  log_format arrival '$uri $server_addr $msec';
  access_log ${folder}/arrivals.log arrival buffer=1m flush=1s;
  keepalive_timeout 60; keepalive_requests 1000000;
  client_body_temp_path ${folder}/t1; proxy_temp_path ${folder}/t2; fastcgi_temp_path ${folder}/t3;
  uwsgi_temp_path ${folder}/t4; scgi_temp_path ${folder}/t5;
  server { listen ${port} backlog=16384; location / { return 200 "ok"; } }
}
`,
  );
  return spawn(nginx, ['-p', folder, '-c', conf], { stdio: ['ignore', 'ignore', 'inherit'] });
}

function startOurs(kind: 'loop' | 'thread', count: number, path: string, jitter = 0): ChildProcess {
  const script = join(import.meta.dirname, '../../packages/controller/test/measure/check-targets.ts');
  const command = [script, kind, String(count), String(port), path, String(jitter)];
  return spawn(process.execPath, command, { stdio: ['ignore', 'pipe', 'inherit'] });
}

function startHaproxy(path: string): ChildProcess {
  const conf = join(folder, 'haproxy.cfg');
  const servers = Array.from(
    { length: targets },
    (_, index) => `  server n${index} ${targetHost(index)}:${port} check`,
  );
  writeFileSync(
    conf,
    `global
  nbthread 1
  maxconn 100
defaults
  mode http
  timeout connect 1s
  timeout client 5s
  timeout server 5s
frontend none
  bind unix@${folder}/haproxy.sock
backend many
  option httpchk
  http-check send meth GET uri ${path} ver HTTP/1.1 hdr host many
  default-server inter 1s fastinter 1s downinter 1s rise 2 fall 3
${servers.join('\n')}
`,
  );
  return spawn('haproxy', ['-db', '-q', '-f', conf], { stdio: ['ignore', 'ignore', 'inherit'] });
}

/** One of many loopback addresses; check-targets.ts has the same. */
function targetHost(index: number): string {
  return `127.1.${Math.floor(index / 250)}.${(index % 250) + 1}`;
}

/** How much later than a second after the one before each check of a target arrived, over the window. */
function lateness(
  path: string,
  { from, to }: Measured,
): { rate: number; p50: number; p99: number; most: number } {
  const last = new Map<string, number>();
  const late: number[] = [];
  for (const line of readFileSync(join(folder, 'arrivals.log'), 'utf8').split('\n')) {
    const [uri, address = '', seconds] = line.split(' ');
    const at = Number(seconds) * 1000;
    if (uri !== path || at > to) continue;
    const before = last.get(address);
    last.set(address, at);
    if (before !== undefined && before >= from) late.push(Math.max(0, at - before - 1000));
  }
  late.sort((one, other) => one - other);
  const share = (part: number): number => Math.round(late[Math.ceil(late.length * part) - 1] ?? Number.NaN);
  const rate = Math.round(late.length / ((to - from) / 1000 - 1));
  return { rate, p50: share(0.5), p99: share(0.99), most: share(1) };
}

function row(measured: Measured, path: string): string {
  const { rate, p50, p99, most } = lateness(path, measured);
  const { name, cpu, rssMiB, load } = measured;
  const each = `${Math.round((cpu / rate) * 1e6)} µs`;
  const late = `${p50} ms | ${p99} ms | ${most} ms`;
  return `| ${name} | ${rate} | ${Math.round(cpu * 100)} % | ${each} | ${Math.round(rssMiB)} MiB | ${late} | ${load.toFixed(0)} |`;
}

const target = startTarget();
try {
  await pause(500);
  const hasHaproxy = spawnSync('haproxy', ['-v']).status === 0;
  if (!hasHaproxy) process.stderr.write('haproxy is missing: apt-get install haproxy\n');
  const rounds: [Measured, string][] = [];
  for (let round = 1; round <= Number(values.rounds); round += 1) {
    const ours = `/ours-${round}`;
    rounds.push([await measure('lameduck, thread', startOurs('thread', targets, ours)), ours]);
    const theirs = `/haproxy-${round}`;
    if (hasHaproxy) rounds.push([await measure('HAProxy', startHaproxy(theirs)), theirs]);
  }
  const few = await measure('3 targets, loop', startOurs('loop', 3, '/few'));
  const fewThread = await measure('3 targets, thread', startOurs('thread', 3, '/few-thread'));
  const some = await measure('199 targets, loop', startOurs('loop', 199, '/some'));
  await pause(1500);
  const lines = [
    `${targets} targets, each once a second, ${seconds} s each, in turn`,
    '',
    '| checks by | checks/s | CPU of one core | CPU each | memory | late p50 | late p99 | most | load |',
    '|---|---|---|---|---|---|---|---|---|',
    ...rounds.map(([measured, path]) => row(measured, path)),
    '',
    ...[...rounds.map(([measured]) => measured), few, fewThread, some].map(
      ({ name, cpu, rssMiB, said }) =>
        `${name}: ${(cpu * 100).toFixed(1)} % of a core, ${Math.round(rssMiB)} MiB ${said.trim()}`,
    ),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
} finally {
  target.kill('SIGTERM');
  rmSync(folder, { recursive: true, force: true });
}
