import type { WorkerAssignment } from '@lameduck/core';
import { WorkerError } from './worker-error.ts';

const numbers = ['id', 'generation', 'fd', 'graceMs', 'lingerMs', 'keepAliveMs'] as const;
const texts = ['entry', 'readinessPath', 'livenessPath'] as const;

function refuse(wanted: string, got: string): WorkerError {
  return new WorkerError('usage', `Cannot read "LAMEDUCK_WORKER": ${wanted}: current value is ${got}`);
}

/** Reads what the master tells a worker in the environment. Throws `usage`. */
export function readAssignment(text: string | undefined): WorkerAssignment {
  let value: unknown;
  try {
    value = JSON.parse(text ?? '');
  } catch {
    throw refuse('JSON from a master was wanted', text ?? 'unset');
  }
  const fields = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  for (const name of numbers) {
    if (typeof fields[name] !== 'number') throw refuse(`a number ${name} was wanted`, String(fields[name]));
  }
  for (const name of texts) {
    if (typeof fields[name] !== 'string') throw refuse(`a text ${name} was wanted`, String(fields[name]));
  }
  return fields as unknown as WorkerAssignment;
}
