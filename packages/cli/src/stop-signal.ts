/** Aborts at SIGINT or SIGTERM: whoever watches something just ends, with 0. */
export function stopSignal(): AbortSignal {
  const stop = new AbortController();
  const abort = (): void => stop.abort();
  process.once('SIGINT', abort);
  process.once('SIGTERM', abort);
  return stop.signal;
}

/** Aborts when nobody reads what is written any more (`lameduck events | head`), or it cannot be written. */
export function unreadSignal(): AbortSignal {
  const stop = new AbortController();
  process.stdout.once('error', () => stop.abort());
  return stop.signal;
}
