import { useEffect, useState } from 'preact/hooks';
import { ApiError } from '../shell/api.ts';

export interface Fetched<T> {
  readonly items: readonly T[] | undefined;
  readonly problem: string | undefined;
}

/** A search waits for the end of typing. */
const typingMs = 150;

/** Fetches a list anew whenever one of the keys changes; keeps the old one meanwhile. */
export function useList<T>(fetchList: () => Promise<readonly T[]>, keys: readonly unknown[]): Fetched<T> {
  const [fetched, setFetched] = useState<Fetched<T>>({ items: undefined, problem: undefined });
  useEffect(() => {
    let isCurrent = true;
    const timer = setTimeout(() => {
      fetchList().then(
        (items) => isCurrent && setFetched({ items, problem: undefined }),
        (error: unknown) =>
          isCurrent && setFetched((old) => ({ ...old, problem: ApiError.from(error).message })),
      );
    }, typingMs);
    return () => {
      isCurrent = false;
      clearTimeout(timer);
    };
  }, keys);
  return fetched;
}
