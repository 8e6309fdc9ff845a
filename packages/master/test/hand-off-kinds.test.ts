import assert from 'node:assert/strict';
import { join } from 'node:path';
import { it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Address } from '@lameduck/core';
import { emptyTally, KeptClient, type KeptTarget, ledgerApplication } from './support/kept-client.ts';
import { MasterProcess, temporaryDirectory } from './support/master-process.ts';
import { assertLedger } from './support/requests.ts';

/** Where the frameworks are. */
const from = fileURLToPath(new URL('../../worker/package.json', import.meta.url));
const common = `
import { appendFileSync } from 'node:fs';
import { createRequire } from 'node:module';
const require = createRequire(${JSON.stringify(from)});
const idOf = (url) => new URL(url, 'http://x').searchParams.get('id');
const answer = (url) => {
  appendFileSync('ledger', idOf(url) + '\\n');
  return JSON.stringify({ pid: process.pid, id: idOf(url) });
};
`;
const fastify = `${common}
const app = require('fastify')();
app.addContentTypeParser('*', (_request, payload, done) => payload.resume().on('end', () => done(null)));
app.all('/', (request, reply) => reply.type('application/json').send(answer(request.url)));
export default app;
`;
const express = `${common}
const app = require('express')();
app.use((request, response) => {
  request.resume().on('end', () => response.type('json').send(answer(request.url)));
});
export default app;
`;
const program = `${common}
import { createServer } from 'node:http';
const server = createServer((request, response) => {
  request.resume().on('end', () => {
    const text = answer(request.url);
    response.writeHead(200, { 'content-length': text.length }).end(text);
  });
});
server.listen(3000);
process.on('SIGTERM', () => server.close(() => process.exit(0)));
`;

const tcp: Address = { kind: 'tcp', host: '127.0.0.1', port: 0 };

for (const [what, code, address] of [
  ['an unchanged program', program, tcp],
  ['Fastify', fastify, tcp],
  ['Express', express, tcp],
  ['IPv6', ledgerApplication, { kind: 'tcp', host: '::1', port: 0 }],
  ['a unix socket', ledgerApplication, { kind: 'unix', path: 'app.sock' }],
] as const)
  it(`R1: six rolling reloads of two workers close no connection, idle or sending: ${what}`, async (test) => {
    const path = join(temporaryDirectory(test), 'app.sock');
    const bound: Address = address.kind === 'unix' ? { kind: 'unix', path } : address;
    const master = new MasterProcess(test, { address: bound }, code);
    const port = await master.ready();
    const target: KeptTarget = address.kind === 'unix' ? { path } : { host: address.host, port };
    const tally = emptyTally();
    const clients = Array.from({ length: 20 }, (_, n) => new KeptClient(target, `c${n}`, tally));
    test.after(() => {
      for (const client of clients) client.end();
    });
    await Promise.all(clients.map((client) => client.connected()));
    let isOver = false;
    const idle = clients.slice(0, 10);
    await Promise.all(idle.map((client) => client.send()));
    const loops = clients.slice(10).map(async (client) => {
      for (let n = 0; !isOver && !client.isClosed; n += 1) {
        await wait(Math.random() * 40);
        await client.send(1, '', n % 2 === 0 ? '' : 'x'.repeat(16_384));
      }
    });
    for (let n = 0; n < 6; n++) assert.equal((await master.control('POST', '/reload')).status, 200);
    isOver = true;
    await Promise.all(loops);
    await Promise.all(clients.map((client) => client.send()));
    const moved = master.log.filter((line) => line.msg === 'connections handed over');
    const sum = moved.reduce((total, line) => total + Number(line.handedOver), 0);
    test.diagnostic(`${tally.sent} requests, ${sum} connections handed over, ${tally.closes.length} closed`);
    assert.deepEqual([tally.closes, tally.wrong, tally.askedToClose], [[], [], 0]);
    assert.equal(tally.answered, tally.sent);
    assertLedger(master.directory, tally.sent);
    assert.ok(sum >= 40, `only ${sum} connections handed over`);
  });
