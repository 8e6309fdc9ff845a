// A load generator in a process of its own: `loader.ts PORT CONNECTIONS MILLISECONDS keep|close`. Prints JSON.
// Raw sockets and one prepared request, so that the generator costs less than the server it measures.
import { connect, type Socket } from 'node:net';
import { createHistogram } from 'node:perf_hooks';

const [port, connections, durationMs] = process.argv.slice(2, 5).map(Number) as [number, number, number];
const isKeptAlive = process.argv[5] !== 'close';
const request = Buffer.from(
  `GET / HTTP/1.1\r\nHost: bench\r\n${isKeptAlive ? '' : 'Connection: close\r\n'}\r\n`,
);
const headerEnd = Buffer.from('\r\n\r\n');
const latency = createHistogram();
const deadline = performance.now() + durationMs;
let answered = 0;
let failed = 0;

/** The length of the first whole answer in the bytes, 0 if there is none yet. */
function answerLength(bytes: Buffer): number {
  const end = bytes.indexOf(headerEnd);
  if (end < 0) return 0;
  const head = bytes.toString('latin1', 0, end).toLowerCase();
  const length = /content-length: (\d+)/.exec(head)?.[1];
  if (length !== undefined) {
    const total = end + 4 + Number(length);
    return bytes.length >= total ? total : 0;
  }
  const last = bytes.indexOf('0\r\n\r\n', end + 4);
  return last < 0 ? 0 : last + 5;
}

function drive(done: () => void): void {
  const socket: Socket = connect(port, '127.0.0.1');
  socket.setNoDelay(true);
  let bytes: Buffer = Buffer.alloc(0);
  let sentAt = 0;
  let isAnswered = false;
  const send = (): void => {
    sentAt = performance.now();
    isAnswered = false;
    socket.write(request);
  };
  socket.on('connect', send);
  socket.on('data', (chunk: Buffer) => {
    bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
    if (answerLength(bytes) === 0) return;
    bytes = Buffer.alloc(0);
    isAnswered = true;
    answered += 1;
    latency.record(Math.max(1, Math.round((performance.now() - sentAt) * 1000)));
    if (performance.now() >= deadline) socket.destroy();
    else if (isKeptAlive) send();
  });
  socket.on('error', () => {});
  socket.on('close', () => {
    if (!isAnswered) failed += 1;
    if (performance.now() >= deadline) done();
    else drive(done);
  });
}

await Promise.all(Array.from({ length: connections }, () => new Promise<void>((resolve) => drive(resolve))));
const us = (percentile: number): number => latency.percentile(percentile) / 1000;
process.stdout.write(`${JSON.stringify({ answered, failed, p50: us(50), p99: us(99) })}\n`);
