import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { LameduckError } from '@lameduck/core';

const deadlineMs = 10_000;
const mostBytes = 4 * 1024 * 1024;

/**
 * Lets a program that evaluates somebody's file write what it found, as JSON, to its descriptor 3; what the file
 * prints goes nowhere. Throws `config` with the program's last words where it fails, or runs longer than ten seconds.
 */
export async function readInChild(
  file: string,
  command: readonly string[],
  directory: string,
): Promise<unknown> {
  const [program = ''] = command;
  try {
    return await evaluate(command, directory);
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    const message = `Cannot read "${file}": ${program} must be able to evaluate it: current value is ${why}`;
    throw new LameduckError('config', message, { file }, thrown);
  }
}

async function evaluate([program = '', ...words]: readonly string[], directory: string): Promise<unknown> {
  // a process group of its own: what the file starts ends with it
  const child = spawn(program, words, {
    cwd: directory,
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
  });
  const result = collect(child.stdio[3] as Readable, () => killGroup(child.pid));
  const errors = collect(child.stderr as Readable, () => killGroup(child.pid));
  const timer = setTimeout(() => killGroup(child.pid), deadlineMs);
  try {
    child.once('exit', () => killGroup(child.pid));
    const [code, signal] = await once(child, 'close');
    if (code === 0) return JSON.parse(result.text());
    throw new Error(signal === null ? lastLine(errors.text(), `exit code ${code}`) : tooLong(result.size()));
  } finally {
    clearTimeout(timer);
  }
}

function collect(stream: Readable, onTooMuch: () => void): { text(): string; size(): number } {
  const chunks: Buffer[] = [];
  let size = 0;
  stream.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > mostBytes) onTooMuch();
    else chunks.push(chunk);
  });
  return { text: () => Buffer.concat(chunks).toString('utf8'), size: () => size };
}

/** The group is ours alone; it is gone where all of it has ended. */
function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // it has ended
  }
}

function lastLine(text: string, otherwise: string): string {
  return text.trim().split('\n').at(-1) || otherwise;
}

function tooLong(size: number): string {
  return size > mostBytes ? 'more than 4 MB of settings' : `no end within ${deadlineMs / 1000} s`;
}
