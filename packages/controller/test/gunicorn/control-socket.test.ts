import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { askArbiter } from '../../src/adapters/gunicorn/control-socket.ts';

const us = process.getuid?.() ?? 0;
const soon = (): AbortSignal => AbortSignal.timeout(10_000);

let folder = '';
let path = '';
let server: Server | undefined;
const open = new Set<Socket>();

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lameduck-arbiter-'));
  path = join(folder, 'gunicorn.ctl');
});
afterEach(async () => {
  for (const socket of open) socket.destroy();
  open.clear();
  if (server?.listening) {
    server.close();
    await once(server, 'close');
  }
  rmSync(folder, { recursive: true, force: true });
});

/** A server on the socket; `onData` gets each piece of what comes. */
async function serve(onData: (socket: Socket, data: Buffer) => void): Promise<void> {
  server = createServer((socket) => {
    open.add(socket);
    socket.on('error', () => undefined);
    socket.on('data', (data: Buffer) => onData(socket, data));
  });
  server.listen(path);
  await once(server, 'listening');
}

function frame(text: string): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(Buffer.byteLength(text));
  return Buffer.concat([head, Buffer.from(text)]);
}
const answer = (id: unknown, data: unknown): Buffer => frame(JSON.stringify({ id, status: 'ok', data }));
const idOf = (data: Buffer): unknown => (JSON.parse(data.toString('utf8', 4)) as { id: unknown }).id;
const ask = (questions = ['show stats'], signal = soon()): Promise<readonly unknown[] | undefined> =>
  askArbiter({ path, owners: [us] }, questions, signal);

describe('a question on a control socket of Gunicorn', () => {
  it('is length and JSON; several are asked one after the other on one connection, which is closed', async () => {
    const asked: unknown[] = [];
    await serve((socket, data) => {
      assert.equal(data.readUInt32BE(0), data.length - 4);
      const question = JSON.parse(data.toString('utf8', 4)) as { id: number; command: string };
      asked.push(question);
      socket.write(answer(question.id, { said: question.command }));
    });
    const closed = once(server as Server, 'connection').then(([socket]) => once(socket as Socket, 'close'));
    assert.deepEqual(await ask(['show stats', 'show workers']), [
      { said: 'show stats' },
      { said: 'show workers' },
    ]);
    assert.deepEqual(asked, [
      { id: 0, command: 'show stats', args: [] },
      { id: 1, command: 'show workers', args: [] },
    ]);
    await closed;
  });

  it('takes an answer that comes byte by byte', async () => {
    await serve((socket, data) => {
      socket.setNoDelay(true);
      const bytes = [...answer(idOf(data), { é: 1 })];
      const next = (): void => {
        const byte = bytes.shift();
        if (byte !== undefined) socket.write(Buffer.of(byte), () => setImmediate(next));
      };
      next();
    });
    assert.deepEqual(await ask(), [{ é: 1 }]);
  });

  it('is answered with undefined where there is no socket', async () => {
    assert.equal(await ask(), undefined);
  });

  const wrong: [string, RegExp, (data: Buffer) => Buffer][] = [
    ['no JSON', /JSON object: current value is "hello"/, () => frame('hello')],
    ['JSON that is no object', /JSON object: current value is "null"/, () => frame('null')],
    ['an answer to another question', /id 0: current value is 7/, () => answer(7, {})],
    [
      'an error',
      /"ok": current value is "Unknown show target"/,
      (data) => frame(JSON.stringify({ id: idOf(data), status: 'error', error: 'Unknown show target' })),
    ],
    [
      'the speech of another server',
      /at most 262144 bytes: current value is \d+ announced/,
      () => Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'),
    ],
    ['an endless answer', /at most 262144 bytes/, () => Buffer.from([0x7f, 0xff, 0xff, 0xff])],
  ];
  for (const [what, message, make] of wrong) {
    it(`fails where ${what} comes, and names the socket`, async () => {
      await serve((socket, data) => void socket.write(make(data)));
      await assert.rejects(ask(), (thrown: Error) => {
        assert.match(thrown.message, message);
        assert.ok(thrown.message.includes(path));
        return true;
      });
    });
  }

  it('fails where the connection ends before the answer does', async () => {
    await serve((socket) => void socket.end(Buffer.from([0, 0, 0, 50, 123])));
    await assert.rejects(ask(), { code: 'internal', message: /closed after 5 bytes/ });
  });

  it('fails at its deadline where nothing comes, and leaves no connection', async () => {
    await serve(() => undefined);
    const closed = once(server as Server, 'connection').then(([socket]) => once(socket as Socket, 'close'));
    await assert.rejects(ask(['show stats'], AbortSignal.timeout(100)), {
      code: 'deadlinePassed',
      message: /in time/,
    });
    await closed;
  });

  it('is not put to a socket whose server is gone', async () => {
    await serve(() => undefined);
    // as a SIGKILLed arbiter leaves it: a second name outlives the first
    const left = join(folder, 'left.ctl');
    linkSync(path, left);
    server?.close();
    await once(server as Server, 'close');
    await assert.rejects(askArbiter({ path: left, owners: [us] }, ['show stats'], soon()), {
      message: /must take a connection: current value is ECONNREFUSED/,
    });
  });

  it('is put to no file and to no link', async () => {
    writeFileSync(path, '');
    await assert.rejects(ask(), { message: /current value is no socket/ });
    rmSync(path);
    const other = path;
    path = join(folder, 'real.ctl');
    await serve(() => assert.fail('must not be asked'));
    symlinkSync(path, other);
    path = other;
    await assert.rejects(ask(), { message: /current value is no socket/ });
  });

  it('is not put to a socket of another user', { skip: us !== 0 && 'needs root' }, async () => {
    await serve(() => assert.fail('must not be asked'));
    chmodSync(path, 0o666);
    chownSync(path, 65_534, 65_534);
    await assert.rejects(ask(), { message: /a socket of uid 0: current value is a socket of uid 65534/ });
    assert.equal(open.size, 0);
  });

  it('can be put to a socket whose path is too long for an address', async () => {
    await serve((socket, data) => void socket.write(answer(idOf(data), 'ok')));
    const deep = join(folder, 'x'.repeat(120));
    mkdirSync(deep);
    const moved = join(deep, 'gunicorn.ctl');
    renameSync(path, moved);
    assert.deepEqual(await askArbiter({ path: moved, owners: [us] }, ['show stats'], soon()), ['ok']);
  });
});
