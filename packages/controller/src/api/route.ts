import type { z } from '@hono/zod-openapi';
import { LameduckError, type Role } from '@lameduck/core';
import type { ApiContext, Caller } from './caller.ts';

/** What is told of something that was asked for in the audit log. */
export interface Act {
  readonly action: string;
  readonly subject: string;
}

/** What a route is asked, checked by its schemas. */
export interface Asked {
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, unknown>>;
  readonly body: unknown;
  readonly caller: Caller;
  readonly context: ApiContext;
  /** Of the body as it came, for the idempotency key. */
  readonly bodyText: string;
}

/** One operation of the API: its description and what answers it, so that the two cannot differ. */
export interface ApiRoute {
  readonly method: 'get' | 'post';
  /** As OpenAPI writes it: `/v1/nodes/{node}/logs`. */
  readonly path: string;
  readonly summary: string;
  /** The least role that may ask; nothing where everybody who can reach it may. */
  readonly role: Role | undefined;
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  readonly answer: { readonly type: string; readonly schema: z.ZodType; readonly description: string };
  /** Statuses of errors, besides 401 and 403 on TCP, 400 and 500. */
  readonly errors: readonly number[];
  /** What it is in the audit log, of its path as it came; a refusal is told in the same words as what is done. */
  readonly act?: (params: Readonly<Record<string, string>>) => Act;
  readonly handle: (asked: Asked) => Promise<Response> | Response;
}

/** Throws `forbidden`. */
export function refuseRole(caller: Caller, wanted: Role | undefined): void {
  if (wanted === undefined || caller.role === 'operator' || caller.role === wanted) return;
  throw new LameduckError(
    'forbidden',
    `Cannot do this as "${caller.who}": role ${wanted} is wanted: current value is ${caller.role}`,
    { role: caller.role, wanted },
  );
}
