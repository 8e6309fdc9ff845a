import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { type AttachOptions, attach } from '../../src/index.ts';

/** Attaches to a server in this process and lets it listen; drained when the test ends. Gives its port. */
export async function listenAttached(
  t: TestContext,
  server: Server,
  options: AttachOptions = {},
): Promise<number> {
  const { drain } = attach(server, { lingerMs: 0, handleSignals: false, exit: false, ...options });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => drain());
  return (server.address() as AddressInfo).port;
}
