import { createHash, randomBytes } from 'node:crypto';
import type { Range } from './options.ts';

/** SHA-256 in hexadecimal. */
export function sha256(data: Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}

/** A whole number from the range, both ends included. */
export function pick([low, high]: Range): number {
  return low + Math.floor(Math.random() * (high - low + 1));
}

/** A body that no two requests share. */
export function randomBody(bytes: number): Buffer {
  return randomBytes(bytes);
}

/** The text `id:index\n` over and over, cut at `bytes`: what `/stream` sends as its chunk number `index`. */
export function streamChunk(id: string, index: number, bytes: number): Buffer {
  return Buffer.alloc(bytes, `${id}:${index}\n`);
}

/** SHA-256 of a whole `/stream` answer, computed without the server. */
export function streamHash(id: string, chunks: number, bytes: number): string {
  const hash = createHash('sha256');
  for (let index = 0; index < chunks; index += 1) hash.update(streamChunk(id, index, bytes));
  return hash.digest('hex');
}

/** The JSON object in a body; `undefined` where there is none. */
export function readJson(body: Buffer): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined; // an answer that is no JSON is simply wrong
  }
}
