import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { describe, it } from 'node:test';
import { countSockets } from '../../src/adapters/nginx/sockets.ts';

describe('the connections of a process to an address, as the kernel shows them', () => {
  for (const host of ['127.0.0.1', '::1'])
    it(`to ${host}: those that are open, and no others`, async () => {
      const server = createServer((socket) => socket.resume()).listen(0, host);
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      const count = (pid: number, to = port): number | undefined =>
        countSockets([pid], { kind: 'tcp', host, port: to });
      const clients = [connect(port, host), connect(port, host), connect(port, host)];
      try {
        for (const client of clients) await once(client, 'connect');
        assert.equal(count(process.pid), 3);
        assert.equal(count(process.pid, port === 1 ? 2 : 1), 0);
        // the closed one is in TIME_WAIT from now on
        const [first] = clients;
        first?.end();
        await once(first ?? server, 'close');
        assert.equal(count(process.pid), 2);
        assert.equal(count(process.ppid), 0);
      } finally {
        for (const client of clients) client.destroy();
        server.close();
      }
    });

  it('to a unix socket it does not show', () => {
    assert.equal(countSockets([process.pid], { kind: 'unix', path: '/run/app.sock' }), undefined);
  });
});
