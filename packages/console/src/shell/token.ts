const key = 'lameduck-token';

/** The token of this tab. It is kept for the tab's life only, and never put into a URL that a server sees. */
export function readToken(): string | undefined {
  return sessionStorage.getItem(key) ?? undefined;
}

export function writeToken(token: string): void {
  if (token === '') sessionStorage.removeItem(key);
  else sessionStorage.setItem(key, token);
}

/** A link may bring the token behind `#token=`: what follows `#` is sent to no server. It is taken out at once. */
export function takeTokenFromLink(): void {
  const match = /^#token=([^&]+)/.exec(location.hash);
  if (match?.[1] === undefined) return;
  writeToken(decodeURIComponent(match[1]));
  history.replaceState(null, '', `${location.pathname}${location.search}#/`);
}
