import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { OperationReport } from '@lameduck/core';
import { freePorts } from './ports.ts';

/** One drain: until the guard's word, and to its end. */
export interface Answer {
  readonly ms: number;
  readonly decidedMs: number;
  readonly report: OperationReport;
}

/** A controller in a process of its own. */
export interface Subject {
  readonly child: ChildProcess;
  readonly openedMs: number;
  ask(wish: object): Promise<Answer>;
  close(): Promise<void>;
}

/** Starts one with so many nodes, all addresses (127.1.0.0/16) of a listener on this port, and so many nginx. */
export async function openSubject(nodes: number, edges: number, port: number): Promise<Subject> {
  const folder = mkdtempSync(join(tmpdir(), 'lameduck-scale-'));
  const ports = await freePorts(edges);
  const began = performance.now();
  const script = join(import.meta.dirname, '../../packages/controller/test/measure/scale-controller.ts');
  const child = fork(script, [folder, String(nodes), String(port), ...ports.map(String)], {
    execArgv: process.env['SCALE_NODE_ARGS']?.split(' ') ?? [],
  });
  const waiting = new Map<number, (answer: object) => void>();
  let count = 0;
  const opened = new Promise<void>((resolve, reject) => {
    waiting.set(0, () => resolve());
    child.once('exit', (code) => reject(new Error(`the controller ended with ${code}`)));
  });
  child.on('message', ({ id, ...answer }: { id: number }) => {
    waiting.get(id)?.(answer);
    waiting.delete(id);
  });
  const ask = async (wish: object): Promise<Answer> => {
    count += 1;
    const answer = await new Promise<object>((resolve) => {
      waiting.set(count, resolve);
      child.send({ id: count, ...wish });
    });
    if ('error' in answer) throw new Error(String(answer.error));
    return answer as Answer;
  };
  await opened;
  const openedMs = performance.now() - began;
  const close = async (): Promise<void> => {
    const ended = once(child, 'exit');
    await ask({ type: 'close' });
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  return { child, openedMs, ask, close };
}

/** When the last edge had proved it. */
export function slowestProof({ report }: Answer): number {
  if (report.edges === undefined) throw new Error(`${report.node}: ${report.result} ${report.reason}`);
  return Math.max(...report.edges.map(({ ms }) => ms));
}

/** Drains nodes, so many at a time, and brings them back. */
export async function drainMany(
  subject: Subject,
  nodes: number,
  drains: number,
  atOnce: number,
): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (let from = 0; from < drains; from += atOnce) {
    const names = Array.from(
      { length: Math.min(atOnce, drains - from) },
      (_, index) => `n${(from + index) % nodes}`,
    );
    answers.push(...(await Promise.all(names.map((node) => subject.ask({ type: 'drain', node })))));
    await Promise.all(names.map((node) => subject.ask({ type: 'ready', node })));
  }
  return answers;
}

/** One listener for all nodes, in a process of its own. */
export async function startListener(port: number): Promise<ChildProcess> {
  const code = `require('node:http').createServer((request, response) => response.end('ok')).listen(${port}, '0.0.0.0', 4096, () => process.stdout.write('up'))`;
  const child = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  return child;
}

/** Of sorted numbers. */
export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.ceil(sorted.length * share) - 1] ?? Number.NaN;
}
