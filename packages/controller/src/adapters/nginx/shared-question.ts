/** One question for all who ask within a moment: for what is shown, not for what is proved. */
export interface SharedQuestion<T> {
  /** An answer to a question of this moment or of shortly before. */
  read(signal: AbortSignal): Promise<T>;
  /** Who asks from now on gets an answer to a question that is asked from now on. */
  forget(): void;
}

/** `ask` ends by itself: one asker whose time is over must not end it for the others. */
export function shareQuestion<T>(ask: () => Promise<T>, keptMs: number): SharedQuestion<T> {
  let recent: { readonly askedAt: number; readonly answer: Promise<T> } | undefined;
  const begin = (): Promise<T> => {
    const asked = { askedAt: performance.now(), answer: ask() };
    recent = asked;
    asked.answer.catch(() => {
      if (recent === asked) recent = undefined;
    });
    return asked.answer;
  };
  return {
    async read(signal) {
      const known = recent !== undefined && performance.now() - recent.askedAt < keptMs ? recent : undefined;
      return untilAborted(known?.answer ?? begin(), signal);
    },
    forget() {
      recent = undefined;
    },
  };
}

async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(signal.reason);
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
