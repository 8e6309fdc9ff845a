import { errorFields, logError } from './log.ts';

/** Runs shutdown hooks one after the other; one that fails is logged and keeps no other. Resolves with whether all ended well. */
export async function runHooks(hooks: readonly (() => unknown)[]): Promise<boolean> {
  let isClean = true;
  for (const hook of hooks) {
    try {
      await hook();
    } catch (thrown) {
      isClean = false;
      logError('A shutdown hook failed', errorFields(thrown));
    }
  }
  return isClean;
}
