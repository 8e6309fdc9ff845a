import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from './ports.ts';
import { projectRoot } from './service-config.ts';

/** A controller of many nodes in a process of its own: real checks and API over fakes of processes and, unless they are asked for, of edges. */
export interface ManySubject {
  readonly child: ChildProcess;
  readonly socketPath: string;
}

export interface ManySize {
  readonly nodes: number;
  readonly edges: number;
  /** Each edge is an nginx. */
  readonly hasRealEdges?: boolean;
}

export interface ManyNodes {
  /** With a port and a token it serves the built console there, too. */
  controller(
    name: string,
    size: ManySize,
    tcp?: { readonly port: number; readonly token: string },
  ): Promise<ManySubject>;
  stop(): Promise<void>;
}

/** Starts one nginx, which answers the checks of all nodes. */
export async function startMany(): Promise<ManyNodes> {
  const folder = mkdtempSync(join(tmpdir(), 'lameduck-many-'));
  const [port = 0] = await freePorts(1);
  const target = startTarget(folder, port);
  const subjects: ChildProcess[] = [];
  return {
    async controller(name, { nodes, edges, hasRealEdges = false }, tcp) {
      const script = join(projectRoot, 'packages/controller/test/measure/serve-events.ts');
      const socketPath = join(folder, `${name}.sock`);
      const shown =
        tcp === undefined ? [] : [String(tcp.port), tcp.token, join(projectRoot, 'packages/console/dist')];
      const places = hasRealEdges ? `:${(await freePorts(edges)).join()}` : String(edges);
      const words = [script, String(nodes), places, String(port), socketPath, ...shown];
      const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] });
      subjects.push(child);
      await once(child.stdout, 'data');
      return { child, socketPath };
    },
    async stop() {
      await Promise.all([...subjects, target].map(end));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function startTarget(folder: string, port: number): ChildProcess {
  const conf = join(folder, 'nginx.conf');
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path ${folder}/${kind};`,
  );
  writeFileSync(
    conf,
    `daemon off; worker_processes 1; pid ${folder}/nginx.pid; error_log ${folder}/error.log;
events { worker_connections 4096; }
http { access_log off; keepalive_timeout 60; ${temporary.join(' ')}
  server { listen ${port} backlog=4096; location / { return 200 "ok"; } } }
`,
  );
  const nginx = process.env['LAMEDUCK_NGINX'] ?? '/usr/sbin/nginx';
  return spawn(nginx, ['-p', folder, '-c', conf], { stdio: ['ignore', 'ignore', 'inherit'] });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}
