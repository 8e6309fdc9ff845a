import { networkInterfaces } from 'node:os';
import { parseAddress } from '@lameduck/core';

/** Whether something on this host can listen on the address, as far as a name tells. */
export function isOfThisHost(text: string): boolean {
  const address = parseAddress(text);
  if (address === undefined || address.kind === 'unix') return true;
  const { host } = address;
  if (host === 'localhost' || host === '::1' || host.startsWith('127.')) return true;
  // a name may be that of this host; nginx resolves it, and a wrong one shows at the first start
  if (!/^[0-9a-fA-F:.]+$/.test(host)) return true;
  return Object.values(networkInterfaces()).some((list) => list?.some((one) => one.address === host));
}
