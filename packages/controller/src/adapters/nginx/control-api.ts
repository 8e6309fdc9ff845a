import { type Address, parseAddress } from '@lameduck/core';
import { z } from 'zod';
import type { ProcessIdentity } from '../../ports/node-runner.ts';
import { readArguments } from '../../processes/identity.ts';
import { findListeners, holdsListener } from '../../processes/listeners.ts';
import { parseTitle } from './attached-master.ts';
import { sendRequest } from './send-request.ts';

/*
 * nginx's own Control API: 1.31.5 and later, built with `--with-control-api`, started with `-l ADDRESS`. The master
 * serves it by itself and parses no header, so that there is nothing to log in with; a unix socket has mode 0600.
 * https://github.com/nginx/nginx/pull/1626
 */

/** What came of asking for a reload. */
export type ReloadAnswer =
  /** The new configuration is in the master, which starts its workers now. */
  | { readonly type: 'loaded' }
  /** The configuration of before goes on, and nothing can load late. With what nginx logged meanwhile, warnings and worse. */
  | { readonly type: 'refused'; readonly logs: string }
  /** Nobody could be connected to, or it answered that it does no such thing: nothing has happened. */
  | { readonly type: 'notDone' }
  /** It was asked and gave no answer: it may have loaded, or may still do so. */
  | { readonly type: 'unanswered' };

const reloadBody = z.object({ logs: z.array(z.string()) });

/** Where this very master serves its Control API; `undefined` where it has none that we can tell to be its own. */
export async function findControlApi(master: ProcessIdentity): Promise<Address | undefined> {
  const [title = ''] = readArguments(master.pid);
  const address = parseControlAddress(parseTitle(title)['l'] ?? '');
  if (address === undefined) return undefined;
  // A title may be cut short, and its path be another one's where files are not shared: then another nginx would reload.
  return holdsListener(master.pid, await findListeners(address)) ? address : undefined;
}

/** Where to connect for nginx's `-l`: `unix:/path`, `host:port` or a port; every address of the host is loopback. */
export function parseControlAddress(text: string): Address | undefined {
  const [, host = '*', port] = /^(?:(.+):)?(\d+)$/.exec(text) ?? [];
  if (port === undefined) return parseAddress(text);
  const loopback: Readonly<Record<string, string>> = {
    '*': '127.0.0.1',
    '0.0.0.0': '127.0.0.1',
    '[::]': '[::1]',
  };
  return parseAddress(`${loopback[host] ?? host}:${port}`);
}

/** Asks nginx to load what is on disk; resolves when it has, when it refuses, or with the signal. Never rejects. */
export async function askReload(to: Address, signal: AbortSignal): Promise<ReloadAnswer> {
  let isConnected = false;
  const onConnect = (): void => {
    isConnected = true;
  };
  const call = { to, method: 'PATCH', path: '/1/control/config', signal, onConnect };
  const answer = await sendRequest(call).catch(() => undefined);
  if (answer === undefined) return { type: isConnected ? 'unanswered' : 'notDone' };
  if (answer.status === 200) return { type: 'loaded' };
  return answer.status === 422 ? { type: 'refused', logs: logsIn(answer.body) } : { type: 'notDone' };
}

function logsIn(body: string): string {
  try {
    return reloadBody.parse(JSON.parse(body)).logs.join('');
  } catch {
    return '';
  }
}
