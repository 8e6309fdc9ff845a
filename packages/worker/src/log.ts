/**
 * One JSON line on stderr, in the shape of the master's log (pino). Synchronous on files and pipes, so that the
 * last line before an exit is not lost.
 */
export function logError(message: string, fields: Readonly<Record<string, unknown>>): void {
  write(50, message, fields);
}

export function logWarning(message: string, fields: Readonly<Record<string, unknown>>): void {
  write(40, message, fields);
}

function write(level: number, message: string, fields: Readonly<Record<string, unknown>>): void {
  const line = { level, time: new Date().toISOString(), pid: process.pid, ...fields, msg: message };
  process.stderr.write(`${JSON.stringify(line)}\n`);
}

/** What a log line keeps of something thrown. */
export function errorFields(thrown: unknown): Readonly<Record<string, unknown>> {
  if (!(thrown instanceof Error)) return { err: { message: String(thrown) } };
  return { err: { type: thrown.name, message: thrown.message, stack: thrown.stack } };
}
