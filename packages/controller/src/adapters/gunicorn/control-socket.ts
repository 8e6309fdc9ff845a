import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { connect } from 'node:net';
import { LameduckError } from '@lameduck/core';

/** The control socket of a Gunicorn and the users who may own it. */
export interface ArbiterSocket {
  readonly path: string;
  readonly owners: readonly (number | undefined)[];
}

const headBytes = 4;
/** A worker takes a hundred bytes; what is longer than this is no answer of Gunicorn's. */
const mostAnswerBytes = 256 * 1024;
// open(2), not among Node's constants: names a file without opening what is behind it.
const openPath = 0o10000000;

/**
 * Asks a Gunicorn some questions (`show stats`) over one connection that is closed at once: where one is open, newer
 * versions of Python delay a fork, and the SIGTERM to the workers, by two seconds. Resolves with the answers in order,
 * `undefined` where there is no socket. Throws `deadlinePassed` and `internal`; both name the socket.
 * Source of the protocol: gunicorn/ctl/protocol.py, 4 bytes of length and JSON.
 */
export async function askArbiter(
  { path, owners }: ArbiterSocket,
  questions: readonly string[],
  signal: AbortSignal,
): Promise<readonly unknown[] | undefined> {
  const fd = openSocket(path, owners);
  if (fd === undefined) return undefined;
  try {
    return await converse(fd, path, questions, signal);
  } catch (thrown) {
    if (thrown instanceof LameduckError) throw thrown;
    if (signal.aborted)
      throw failure(path, 'it must answer in time', 'no complete answer', 'deadlinePassed', thrown);
    const got = (thrown as NodeJS.ErrnoException).code ?? String(thrown);
    throw failure(path, 'it must take a connection', got, 'internal', thrown);
  } finally {
    closeSync(fd);
  }
}

/** Checked and connected to by the same descriptor: the folder may belong to another user, who could change the name between. */
function openSocket(path: string, owners: ArbiterSocket['owners']): number | undefined {
  let fd: number;
  try {
    fd = openSync(path, openPath | constants.O_NOFOLLOW);
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    throw failure(path, 'it must be reachable', code ?? String(thrown), 'internal', thrown);
  }
  const found = fstatSync(fd);
  if (found.isSocket() && owners.includes(found.uid)) return fd;
  closeSync(fd);
  const got = found.isSocket() ? `a socket of uid ${found.uid}` : 'no socket';
  const wanted = [...new Set(owners)].filter((uid) => uid !== undefined).join(' or ');
  throw failure(path, `it must be a socket of uid ${wanted}`, got);
}

async function converse(
  fd: number,
  path: string,
  questions: readonly string[],
  signal: AbortSignal,
): Promise<readonly unknown[]> {
  const socket = connect({ path: `/proc/self/fd/${fd}`, signal });
  const answers: unknown[] = [];
  let received = Buffer.alloc(0);
  try {
    ask(0);
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      received = Buffer.concat([received, chunk]);
      const length = frameLength(path, received);
      if (length === undefined || received.length < headBytes + length) continue;
      answers.push(
        readAnswer(path, answers.length, received.toString('utf8', headBytes, headBytes + length)),
      );
      if (answers.length === questions.length) return answers;
      // nothing of the next answer can be here: it has not been asked for
      received = Buffer.alloc(0);
      ask(answers.length);
    }
  } finally {
    socket.destroy();
  }
  throw failure(path, 'it must answer', `closed after ${received.length} bytes of the answer`);

  function ask(id: number): void {
    const body = Buffer.from(JSON.stringify({ id, command: questions[id], args: [] }));
    const head = Buffer.alloc(headBytes);
    head.writeUInt32BE(body.length);
    socket.write(Buffer.concat([head, body]));
  }
}

function frameLength(path: string, received: Buffer): number | undefined {
  if (received.length < headBytes) return undefined;
  const length = received.readUInt32BE(0);
  if (length <= mostAnswerBytes) return length;
  throw failure(path, `an answer must have at most ${mostAnswerBytes} bytes`, `${length} announced`);
}

function readAnswer(path: string, id: number, text: string): unknown {
  const answer = parse(path, text);
  if (answer.id !== id) throw failure(path, `an answer must have the id ${id}`, shorten(answer.id));
  if (answer.status !== 'ok')
    throw failure(path, 'an answer must be "ok"', shorten(answer.error ?? answer.status));
  return answer.data;
}

function parse(path: string, text: string): Readonly<Record<string, unknown>> {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === 'object' && parsed !== null) return parsed as Readonly<Record<string, unknown>>;
  } catch {
    // told below
  }
  throw failure(path, 'an answer must be a JSON object', shorten(text));
}

function shorten(value: unknown): string {
  return (JSON.stringify(value) ?? 'nothing').slice(0, 100);
}

function failure(
  path: string,
  wanted: string,
  got: string,
  code: 'internal' | 'deadlinePassed' = 'internal',
  cause?: unknown,
): LameduckError {
  const message = `Cannot ask Gunicorn on "${path}": ${wanted}: current value is ${got}`;
  return new LameduckError(code, message, { path }, cause);
}
