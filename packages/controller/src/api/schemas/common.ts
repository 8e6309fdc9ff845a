import { z } from '@hono/zod-openapi';
import { operationKinds, phaseNames } from '@lameduck/core';

/** Names of operations, phases and results as they go over the wire. */
export const operationKind: z.ZodType = z.enum(operationKinds);
export const phaseName: z.ZodType = z.enum(phaseNames);

/** A whole number that counts something. */
export const count: z.ZodType = z.int().min(0);
/** Milliseconds; not always whole. */
export const ms: z.ZodType = z.number().min(0);
/** ISO 8601, UTC. */
export const time: z.ZodType = z.iso.datetime();
/** An object that may have fields of later versions. */
export function shape(fields: Record<string, z.ZodType>): z.ZodObject {
  return z.object(fields);
}

/** Body of every answer that is an error. */
export const errorBody: z.ZodType = shape({
  error: shape({
    code: z.string().openapi({ description: 'one of a closed set; match on it, never on the message' }),
    message: z.string(),
    details: z.unknown().optional(),
  }),
}).openapi('Error');

/** The same as a line of a stream. */
export const errorLine: z.ZodType = shape({
  type: z.literal('error'),
  error: shape({ code: z.string(), message: z.string() }),
});
