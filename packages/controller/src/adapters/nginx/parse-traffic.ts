import { latencyBucketsMs, type NodeTraffic } from '@lameduck/core';

const cells = latencyBucketsMs.length + 4;

/** The lines of the control location; `undefined` for anything else. */
export function parseTraffic(body: string): ReadonlyMap<string, NodeTraffic> | undefined {
  const [first = '', ...lines] = body.split('\n');
  if (!/^lossy \d+$/.test(first)) return undefined;
  const traffic = new Map<string, NodeTraffic>();
  for (const line of lines) {
    if (line === '') continue;
    const [name = '', ...values] = line.split(' ');
    const row = parseRow(values);
    if (row === undefined) return undefined;
    traffic.set(name, row);
  }
  return traffic;
}

function parseRow(values: readonly string[]): NodeTraffic | undefined {
  if (values.length !== cells) return undefined;
  const numbers = values.map(Number);
  if (!numbers.every((value) => value >= 0)) return undefined;
  const [requests = 0, errors = 0, latencySumMs = 0, ...latency] = numbers;
  return { requests, errors, latency, latencySumMs };
}
