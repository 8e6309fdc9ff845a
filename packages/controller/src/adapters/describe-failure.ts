/** An error of a socket in one line, with its code: `ECONNREFUSED connect …`; a list of them by its first. */
export function describeFailure(error: Error & { code?: string }): string {
  const first = error instanceof AggregateError ? (error.errors[0] as Error & { code?: string }) : error;
  const { code, message } = first;
  return code === undefined || message.includes(code) ? message : `${code} ${message}`;
}
