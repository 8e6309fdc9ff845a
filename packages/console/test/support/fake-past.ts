import type { OperationKind, OperationReport } from '@lameduck/core';
import type { FakeService } from './fake-service.ts';

const minute = 60_000;

/** Fifteen minutes before now: traffic, and a few operations in it. */
export function makePast(service: FakeService): void {
  const now = Date.now();
  const names = [...service.nodes.keys()];
  const [first = '', second = first] = names;
  const events = [
    { kind: 'restart' as const, node: first, atMs: now - 11 * minute, ms: 21_000, inFlight: 11 },
    { kind: 'restart' as const, node: second, atMs: now - 10.4 * minute, ms: 19_000, inFlight: 14 },
    { kind: 'drain' as const, node: second, atMs: now - 3.6 * minute, ms: 9000, inFlight: 6 },
    { kind: 'ready' as const, node: second, atMs: now - 3.1 * minute, ms: 2000, inFlight: 0 },
  ];
  for (const [index, event] of events.entries()) remember(service, index + 1, event);
  for (let atMs = now - 15 * minute; atMs < now; atMs += 1000) {
    for (const [index, node] of [...service.nodes.values()].entries()) {
      const away = events.find(
        (event) => event.node === node.name && atMs >= event.atMs && atMs < event.atMs + event.ms,
      );
      node.inRotation = away === undefined;
      const busy = 8 + 6 * Math.sin(atMs / 13_000 + index) + 4 * service.random();
      node.inFlight =
        away === undefined ? Math.round(busy) : Math.max(0, Math.round(busy - (atMs - away.atMs) / 700));
    }
    service.traffic.push(service.sample(atMs));
  }
  for (const node of service.nodes.values()) node.inRotation = true;
}

interface PastOperation {
  readonly kind: OperationKind;
  readonly node: string;
  readonly atMs: number;
  readonly ms: number;
  readonly inFlight: number;
}

function remember(service: FakeService, id: number, { kind, node, atMs, ms, inFlight }: PastOperation): void {
  const report: OperationReport = {
    operation: kind,
    node,
    result: kind === 'restart' ? 'exited' : kind === 'drain' ? 'drained' : 'ready',
    phases: [
      { name: 'check', ms: 0.4 },
      { name: 'remove', ms: 34 },
      { name: 'drain', ms: ms * 0.6 },
      { name: 'terminate', ms: 11 },
      { name: 'wait', ms: 71 },
      { name: 'start', ms: ms * 0.3 },
      { name: 'health', ms: 300 },
      { name: 'return', ms: 23 },
    ].slice(0, kind === 'drain' ? 3 : 8) as OperationReport['phases'],
    inFlight,
    answered: inFlight,
    lost: 0,
    killed: [],
    ms,
  };
  service.history.unshift({
    id,
    operation: kind,
    subject: node,
    beganAt: new Date(atMs).toISOString(),
    report,
    proofs: service.edges.map(({ name, mode }, index) => ({
      edge: name,
      mode,
      ms: 29 + index * 4,
      generation: 4,
    })),
    steps: [],
  });
  service.audit.unshift({
    id,
    at: new Date(atMs).toISOString(),
    who: id % 2 === 0 ? 'ada' : 'deploy',
    role: 'operator',
    from: 'unix',
    action: kind,
    subject: node,
    result: report.result,
  });
}
