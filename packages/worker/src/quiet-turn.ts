import type { Server } from 'node:http';

/** A turn of the event loop that took no longer did next to nothing. */
const shortMs = 0.15;
const longestMs = 1000;

/**
 * Calls back at once after a turn of the event loop that has found no new connection and little else to do: whoever
 * then closes the last descriptor of a listening socket resets the fewest connections, those of the last moment. Node
 * accepts one connection a turn, so that a queue takes as many. After a second it calls back anyway.
 */
export function afterQuietTurn(server: Server, callback: () => void): void {
  const giveUpAt = performance.now() + longestMs;
  let hasAccepted = false;
  const noteConnection = (): void => {
    hasAccepted = true;
  };
  server.on('connection', noteConnection);

  function nextTurn(): void {
    const startedAt = performance.now();
    hasAccepted = false;
    setImmediate(() => {
      const now = performance.now();
      const isQuiet = !hasAccepted && now - startedAt < shortMs;
      if (!isQuiet && now < giveUpAt) return nextTurn();
      server.removeListener('connection', noteConnection);
      callback();
    });
  }
  nextTurn();
}
