import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeRunFolder } from './run-service.ts';

const modules = process.env['LAMEDUCK_NGINX_MODULES'] ?? '/usr/lib/nginx/modules';
const luaPath = process.env['LAMEDUCK_LUA_PATH'];
const nginx = process.env['LAMEDUCK_NGINX'] ?? '/usr/sbin/nginx';

/** An nginx of the user's, which runs whether or not lameduck does. */
export interface OwnNginx {
  readonly pid: number;
  readonly url: string;
  /** The edge of it in a configuration. */
  readonly edge: { readonly name: string } & Readonly<Record<string, unknown>>;
  /** Whether it has ended, which nobody but its user may bring about. */
  hasEnded(): boolean;
  reload(): void;
  /** Ends it and removes its files. */
  stop(): Promise<void>;
}

/** Starts one for the service `shop`, in a folder of its own. */
export function startOwnNginx(port: number, mode: 'auto' | 'gate' | 'reload' = 'auto'): OwnNginx {
  const folder = makeRunFolder();
  const include = join(folder, 'lameduck-shop.conf');
  const conf = join(folder, 'nginx.conf');
  // an upstream without nodes, as an earlier lameduck left it, with which nginx starts before lameduck does
  writeFileSync(
    include,
    '# Written by lameduck for service "shop".\nupstream shop { server 127.0.0.1:1 down; }\n',
  );
  writeFileSync(conf, nginxConf(folder, port, include));
  const child = spawn(nginx, ['-e', join(folder, 'error.log'), '-c', conf], { stdio: 'inherit' });
  const hasEnded = (): boolean => child.exitCode !== null || child.signalCode !== null;
  return {
    pid: child.pid ?? 0,
    url: `http://127.0.0.1:${port}`,
    edge: { name: 'own', attach: { conf, include }, nginx, mode },
    hasEnded,
    reload: () => void child.kill('SIGHUP'),
    async stop() {
      const exited = hasEnded() ? undefined : once(child, 'exit');
      child.kill('SIGTERM');
      await exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A configuration as an operator would have it: one line of it is about us. */
function nginxConf(folder: string, port: number, include: string): string {
  return `
load_module ${modules}/ndk_http_module.so;
load_module ${modules}/ngx_http_lua_module.so;
daemon off;
${process.getuid?.() === 0 ? 'user root root;' : ''}
pid ${folder}/nginx.pid;
error_log ${folder}/error.log notice;
worker_processes 2;
events { worker_connections 1024; }
http {
  ${luaPath === undefined ? '' : `lua_package_path "${luaPath}";`}
  access_log off;
  client_body_temp_path ${folder}/temp-body;
  proxy_temp_path ${folder}/temp-proxy;
  fastcgi_temp_path ${folder}/temp-fastcgi;
  uwsgi_temp_path ${folder}/temp-uwsgi;
  scgi_temp_path ${folder}/temp-scgi;
  client_max_body_size 10m;
  include ${include};
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://shop;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }
  }
}
`;
}
