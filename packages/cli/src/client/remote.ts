import { readFileSync } from 'node:fs';
import { LameduckError } from '@lameduck/core';
import type { ControllerPlace } from './controller-client.ts';

/** How a command is told of a daemon somewhere else. */
export interface RemoteOptions {
  readonly url?: string;
  readonly tokenFile?: string;
}

/** The daemon that was named on the command line or in the environment; nothing where none was. Throws `usage`. */
export function remotePlace(
  options: RemoteOptions,
  environment: Readonly<Record<string, string | undefined>>,
): ControllerPlace | undefined {
  const url = options.url ?? environment['LAMEDUCK_URL'];
  if (url === undefined || url === '') return undefined;
  const token =
    options.tokenFile === undefined ? environment['LAMEDUCK_TOKEN'] : readToken(options.tokenFile);
  return { url: readUrl(url), token };
}

/** Only its origin: what else a URL can hold, a password say, is not wanted in it. */
function readUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isWeb = url?.protocol === 'http:' || url?.protocol === 'https:';
  if (url !== undefined && isWeb && url.username === '' && url.pathname === '/' && url.search === '')
    return url.origin;
  const shown = url === undefined ? text : `${url.protocol}//${url.host}`;
  throw new LameduckError(
    'usage',
    `Cannot use --url "${shown}": http://HOST:PORT or https://HOST:PORT is wanted, without anything else`,
  );
}

/** The first line of the file. Throws `usage`. */
export function readToken(file: string): string {
  try {
    const [line = ''] = readFileSync(file, 'utf8').split('\n');
    if (/^[\x21-\x7e]{16,512}$/.test(line.trim())) return line.trim();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new LameduckError(
      'usage',
      `Cannot read token file "${file}": a readable file is wanted: ${code}`,
      { file },
      error,
    );
  }
  throw new LameduckError(
    'usage',
    `Cannot use token file "${file}": one line of 16 to 512 visible ASCII characters is wanted`,
    { file },
  );
}
