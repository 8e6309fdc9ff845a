import { connect, type Socket } from 'node:net';
import { Bouncer } from './bounce.ts';
import { ConnectionTable } from './connection-table.ts';
import { interceptServer } from './intercept.ts';
import { startKeepAlive } from './keep-alive.ts';
import { http } from './node-http.ts';
import { readSettings } from './options.ts';

const mostMs = 500;
const requests = 4;
const request = 'GET / HTTP/1.1\r\nHost: warm-up\r\nAccept: */*\r\n\r\n';

/**
 * Serves a few requests to itself, on a server and a socket without a file that nobody else knows, so that Node's
 * HTTP code is compiled before the first client waits for it: that request takes 1 ms then, not 7, and of a worker
 * that takes over many connections at once each one waits for those before it. Our own part is in it, as it will be: what
 * V8 learns from a bare server makes it compile another way through Node's code, 1 to 2 % dearer for ever. The
 * application sees nothing of it.
 * Left out where a preloaded module might watch the servers of this process. Never fails.
 */
export async function warmUp(): Promise<void> {
  if (process.platform !== 'linux' || hasPreloads()) return;
  const server = http.createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/plain', 'content-length': 2 });
    response.end('ok');
  });
  const settings = readSettings({});
  const table = new ConnectionTable(server);
  const stopKeepAlive = startKeepAlive(server, settings.keepAliveMs, table);
  interceptServer(server, {
    ...settings,
    table,
    bouncer: new Bouncer(undefined),
    phase: () => 'ready',
  });
  await new Promise<void>((resolve) => {
    const timer = setTimeout(end, mostMs);
    let client: Socket | undefined;
    function end(): void {
      clearTimeout(timer);
      stopKeepAlive();
      client?.destroy();
      server.closeAllConnections();
      if (server.listening) server.close(() => resolve());
      else resolve();
    }
    server.on('error', end);
    const path = `\0lameduck-warm-up-${process.pid}`;
    server.listen({ path }, () => {
      client = ask(path, end);
    });
  });
}

/** One request after the other, on one connection. */
function ask(path: string, done: () => void): Socket {
  const client = connect({ path });
  let left = requests;
  client.on('error', done);
  client.on('connect', () => client.write(request));
  client.on('data', () => {
    left -= 1;
    if (left > 0) client.write(request);
    else done();
  });
  return client;
}

/** Such as an agent that traces each request. */
function hasPreloads(): boolean {
  const options = [...process.execArgv, ...(process.env.NODE_OPTIONS ?? '').split(' ')];
  return options.some((option) => /^(-r|--require|--import|--loader|--experimental-loader)\b/.test(option));
}
