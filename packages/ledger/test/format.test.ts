import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { WriteStream } from 'node:tty';
import { formatLedger } from '../src/format.ts';
import type { LedgerResult, Loss } from '../src/result.ts';

const latency = { p50: 1.25, p90: 8, p99: 120, max: 2500 };
const loss = (number: number): Loss => ({
  id: `r-${number}`,
  kind: 'post',
  method: 'POST',
  reason: 'errorStatus',
  atMs: 4200,
  phase: 'rollout',
  status: 502,
});

const result: LedgerResult = {
  runId: 'r',
  url: 'http://127.0.0.1:8080',
  connections: 40,
  durationMs: 12_400,
  requestsPerSecond: 1321.2,
  sent: 16_384,
  answered: 16_372,
  lost: 12,
  inFlight: 0,
  closedUnused: 0,
  latency,
  reasons: { errorStatus: 12, reset: 0, resetIdle: 0, refused: 0, truncated: 0, wrongBody: 0, timeout: 0 },
  errorStatuses: { 502: 12 },
  kinds: { post: { sent: 16_384, answered: 16_372, lost: 12, latency } },
  phases: [
    { name: 'before', durationMs: 4000, answered: 6000, lost: 0, latency },
    { name: 'rollout', durationMs: 8400, answered: 10_372, lost: 12, latency },
  ],
  losses: Array.from({ length: 12 }, (_, index) => loss(index + 1)),
};

test('the table names the losses by reason, lists some and counts the rest', () => {
  const lines = formatLedger(result).split('\n');
  assert.ok(lines.includes('lost by reason: errorStatus 12 (502 × 12)'));
  assert.ok(lines.includes('  POST post r-1: errorStatus 502 at 4.2 s (rollout)'));
  assert.ok(lines.includes('  and 2 more'));
  assert.ok(lines.includes('sent 16,384, answered 16,372, lost 12'));
});

test('columns are aligned, phases included', () => {
  const lines = formatLedger(result).split('\n');
  const phase = lines.filter((line) => /^(phase|before|rollout) /.test(line));
  assert.equal(phase.length, 3);
  assert.equal(new Set(phase.map((line) => line.length)).size, 1);
  assert.match(phase[2] ?? '', /8\.4 s +10,372 +12 +1\.3 ms +8\.0 ms +120 ms +2\.5 s$/);
});

test('a stream that is no terminal gets no colours', () => {
  const stream = new PassThrough();
  assert.ok(!formatLedger(result, { stream }).includes('\u001b'));
});

test('a terminal gets colours, unless NO_COLOR is set', (context) => {
  // all that Node's getColorDepth looks at; CI servers set CI and get no colours
  const names = ['NO_COLOR', 'FORCE_COLOR', 'NODE_DISABLE_COLORS', 'TERM', 'CI'];
  const saved = names.map((name) => [name, process.env[name]] as const);
  context.after(() => {
    for (const [name, value] of saved) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });
  for (const name of names) delete process.env[name];
  process.env.TERM = 'xterm-256color';
  const { getColorDepth } = WriteStream.prototype;
  const stream = Object.assign(new PassThrough(), { isTTY: true, getColorDepth });
  assert.ok(formatLedger(result, { stream }).includes('\u001b['));
  process.env.NO_COLOR = '1';
  assert.ok(!formatLedger(result, { stream }).includes('\u001b['));
});

test('an empty ledger says so and never looks like a success', () => {
  const empty = { ...result, sent: 0, answered: 0, lost: 0, losses: [], kinds: {}, phases: [] };
  assert.match(formatLedger(empty), /nothing was sent/);
});

test('the server side shows nodes, duplicates and a hole in the ledger', () => {
  const server = {
    nodes: { b: 2, a: 1000 },
    duplicates: ['r-1'],
    executedButLost: [],
    unseen: ['r-2'],
    answeredUnseen: 3,
    unfinished: 0,
  };
  const text = formatLedger({ ...result, server });
  assert.match(text, /by node: a 1,000, b 2/);
  assert.match(text, /executed twice 1, executed but lost 0, lost unseen 1/);
  assert.match(text, /incomplete: 3 answered/);
});
