import type { BodyMatch, HealthConfig } from './config.ts';

/** What is wrong with the answer, or `undefined` where it is as expected. */
export function judgeStatus(status: number, expect: HealthConfig['expect']): string | undefined {
  if (expect.status.some(({ from, to }) => status >= from && status <= to)) return undefined;
  const wanted = expect.status.map(({ from, to }) => (from === to ? `${from}` : `${from}-${to}`)).join(', ');
  return `status ${status}, wanted ${wanted}`;
}

/** Whether the text, or a match of the pattern, is in the body. */
export function matchesBody(body: string, match: BodyMatch): boolean {
  return match.kind === 'text' ? body.includes(match.text) : new RegExp(match.source, match.flags).test(body);
}

/** As it stands in the configuration: `"text"` or `/pattern/i`. */
export function formatBodyMatch(match: BodyMatch): string {
  return match.kind === 'text' ? JSON.stringify(match.text) : `/${match.source}/${match.flags}`;
}
