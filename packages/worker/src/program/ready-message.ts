/**
 * Resolves when the program says `process.send('ready')`, as programs for PM2 do. The message is for us: it is not
 * sent on to the master.
 */
export function readyMessage(): Promise<void> {
  const { send } = process;
  if (send === undefined) return Promise.resolve();
  return new Promise((resolve) => {
    const listen = (message: unknown, ...rest: unknown[]): boolean => {
      if (message !== 'ready')
        return (send as (...all: unknown[]) => boolean).call(process, message, ...rest);
      resolve();
      const callback = rest.at(-1);
      if (typeof callback === 'function') process.nextTick(callback, null);
      return true;
    };
    process.send = listen as NonNullable<typeof process.send>;
  });
}
