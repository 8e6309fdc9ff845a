import { z } from 'zod';
import { parseDurationMs } from './duration.ts';

/** `"30s"` as milliseconds. */
export const duration = z
  .string({ error: 'must be a duration such as 500ms, 30s or 2m' })
  .transform((value, context): number => {
    const ms = parseDurationMs(value);
    if (ms !== undefined && ms > 0) return ms;
    context.addIssue({
      code: 'custom',
      message: ms === undefined ? 'must be a duration such as 500ms, 30s or 2m' : 'must be longer than 0',
      input: value,
    });
    return z.NEVER;
  });

export const positive = z.number().int().min(1);
