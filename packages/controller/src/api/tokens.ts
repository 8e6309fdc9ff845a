import { createHash, timingSafeEqual } from 'node:crypto';
import type { Role } from '@lameduck/core';

/** A token as it is kept: only its hash. */
export interface TokenHash {
  readonly name: string;
  readonly role: Role;
  /** SHA-256, 32 bytes. */
  readonly hash: Buffer;
}

export function hashToken(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

/**
 * The token that was presented, or nothing. Hashes are compared, all of them and each in constant time: how long it takes
 * says nothing about any token.
 */
export function findToken(tokens: readonly TokenHash[], presented: string): TokenHash | undefined {
  const hash = hashToken(presented);
  let found: TokenHash | undefined;
  for (const token of tokens) if (timingSafeEqual(token.hash, hash)) found = token;
  return found;
}

/** The token of an `Authorization: Bearer` header. */
export function bearerOf(header: string | undefined): string | undefined {
  return /^Bearer ([\x21-\x7e]{1,512})$/i.exec(header ?? '')?.[1];
}
