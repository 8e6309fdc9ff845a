import { z } from 'zod';
import { parseAddress } from './address.ts';

const text = z
  .string()
  .min(1, { error: 'must not be empty' })
  .refine((value) => !/[\0\n\r]/.test(value), { error: 'must be one line' });

const tokenName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.@-]{0,62}$/, {
  error: 'must be letters, digits and _.@-, at most 63, the first a letter or digit',
});

const token = z.strictObject({
  name: tokenName,
  role: z.enum(['viewer', 'operator']),
  tokenFile: text.optional(),
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/, { error: 'must be the SHA-256 of the token: 64 hexadecimal digits' })
    .optional(),
});

const hostName = z.string().regex(/^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/, {
  error: 'must be a host name without a port',
});

const listen = z
  .string()
  .refine((value) => parseAddress(value)?.kind === 'tcp', { error: 'must be HOST:PORT or [IPV6]:PORT' });

/** The part of `lameduck.yaml` about the API on TCP; without it there is only the unix socket. */
export const apiSchema = z.strictObject({
  listen,
  tokens: z.array(token).min(1, { error: 'must have at least one token' }),
  tls: z.strictObject({ cert: text, key: text }).optional(),
  plaintext: z.boolean().default(false),
  allowedHosts: z.array(hostName).default([]),
});

export type ApiDocument = z.output<typeof apiSchema>;
