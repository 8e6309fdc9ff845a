import { z } from 'zod';
import { duration, positive } from './config-fields.ts';

const healthPathPattern = /^\/[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*$/;
/** The longest text or pattern that a body is searched for. */
const longestMatch = 1000;

const statusError = 'must be a status such as 200 or a range such as 200-299';
const statusRange = z
  .string()
  .regex(/^[1-5]\d\d-[1-5]\d\d$/, { error: statusError })
  .refine((text) => text.slice(0, 3) <= text.slice(4), { error: statusError });

const status = z.union([z.number().int().min(100).max(599), statusRange], {
  error: statusError,
});

const statusList = z.union([status, z.array(status).min(1)], {
  error: 'must be a status such as 200, a range such as 200-299, or a list of them',
});

/** `/pattern/flags` as its parts; `undefined` for any other text. */
export function parsePattern(text: string): { source: string; flags: string } | undefined {
  const match = /^\/(.+)\/([a-z]*)$/s.exec(text);
  return match === null ? undefined : { source: match[1] ?? '', flags: match[2] ?? '' };
}

/** `g` and `y` would make a match depend on the one before. */
function isPattern(text: string): boolean {
  const pattern = parsePattern(text);
  if (pattern === undefined) return true;
  try {
    new RegExp(pattern.source, pattern.flags);
    return /^[imsuv]*$/.test(pattern.flags);
  } catch {
    return false;
  }
}

const body = z
  .string({ error: 'must be text, or a pattern such as /ok/i' })
  .min(1, { error: 'must not be empty' })
  .max(longestMatch, { error: `must be at most ${longestMatch} characters` })
  .refine(isPattern, { error: 'must be text, or a valid pattern such as /ok/i (flags i, m, s, u)' });

const passive = z.strictObject({
  errors: positive.max(100_000).optional(),
  within: duration.optional(),
});

/** The checks of the service or, key by key, of one node. */
export const health = z.strictObject({
  type: z.enum(['http', 'tcp']).optional(),
  path: z.string().regex(healthPathPattern, { error: 'must be a path that starts with /' }).optional(),
  port: positive.max(65_535).optional(),
  interval: duration.optional(),
  downInterval: duration.optional(),
  timeout: duration.optional(),
  rise: positive.max(100).optional(),
  fall: positive.max(100).optional(),
  expectStatus: status.optional(),
  expect: z.strictObject({ status: statusList.optional(), body: body.optional() }).optional(),
  slowStart: z
    .union([z.literal(false), duration], { error: 'must be a duration such as 10s, or false' })
    .optional(),
  passive: passive.optional(),
});

export type HealthDocument = z.output<typeof health>;
