import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { createSecureContext } from 'node:tls';
import { hashToken, type TokenHash } from '@lameduck/controller';
import { type ApiConfig, LameduckError } from '@lameduck/core';
import { readToken } from './client/remote.ts';

/** What the API on TCP needs of files. */
export interface ApiFiles {
  readonly tokens: readonly TokenHash[];
  /** PEM, each. */
  readonly tls: { readonly cert: Buffer; readonly key: Buffer } | undefined;
  /** Token files that others may read. */
  readonly isOpen: readonly string[];
}

/** Everything that can be wrong with them, before anything listens; `folder` is what paths are relative to. Throws `config`. */
export function readApiFiles({ tokens, tls }: ApiConfig, folder: string): ApiFiles {
  const isOpen: string[] = [];
  const hashes = tokens.map(({ name, role, sha256, tokenFile }): TokenHash => {
    if (sha256 !== undefined) return { name, role, hash: Buffer.from(sha256, 'hex') };
    const file = resolve(folder, tokenFile as string);
    const token = readTokenFile(file);
    if ((statSync(file).mode & 0o077) !== 0) isOpen.push(file);
    return { name, role, hash: hashToken(token) };
  });
  return { tokens: hashes, tls: tls && readTls(folder, tls), isOpen };
}

function readTokenFile(file: string): string {
  try {
    return readToken(file);
  } catch (thrown) {
    throw new LameduckError('config', LameduckError.from(thrown).message, { file }, thrown);
  }
}

function readTls(folder: string, tls: NonNullable<ApiConfig['tls']>): ApiFiles['tls'] {
  const pair = { cert: readPem(folder, tls.cert), key: readPem(folder, tls.key) };
  try {
    createSecureContext(pair);
    return pair;
  } catch (error) {
    const got = (error as Error).message;
    const message = `Cannot use api.tls: a certificate and its key as PEM are wanted: ${got}`;
    throw new LameduckError('config', message, { ...tls }, error);
  }
}

function readPem(folder: string, path: string): Buffer {
  const file = resolve(folder, path);
  try {
    return readFileSync(file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const message = `Cannot read api.tls "${file}": a readable PEM file is wanted: ${code}`;
    throw new LameduckError('config', message, { file }, error);
  }
}
