import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';

/** Where the ledger is written, and in whose name. */
export interface ServerLedgerOptions {
  /** Directory of the ledgers. Default: environment variable LEDGER_DIR; without it nothing is written. */
  readonly dir?: string | undefined;
  /** Name of the node. Default: environment variable NODE_NAME, else `node`. */
  readonly node?: string | undefined;
}

/** The server's side of the ledger: one file for each process, `<dir>/<node>-<pid>.log`. */
export interface ServerLedger {
  readonly node: string;
  /** A handler starts on this id: call it before the body is read. */
  started(id: string): void;
  /** The answer to this id was handed over completely. */
  finished(id: string): void;
  /** `started` now and `finished` when the answer is. An id that is missing or no plain word is not noted. */
  track(id: string | null | undefined, response: ServerResponse): void;
  close(): void;
}

/** Whatever else a client sends as its id must not be able to forge lines. */
const plainId = /^[\w.:-]{1,128}$/;

/**
 * Opens the ledger of this process. Each line is one synchronous write to a file opened with O_APPEND: the kernel
 * has it before the handler goes on, so a SIGKILL loses none.
 */
export function serverLedger(options: ServerLedgerOptions = {}): ServerLedger {
  const dir = options.dir ?? process.env.LEDGER_DIR;
  const node = options.node ?? process.env.NODE_NAME ?? 'node';
  let file: number | undefined;
  if (dir !== undefined && dir !== '') {
    mkdirSync(dir, { recursive: true });
    file = openSync(join(dir, `${node}-${process.pid}.log`), 'a');
  }
  const write = (mark: 'S' | 'F', id: string): void => {
    if (file !== undefined && plainId.test(id)) writeSync(file, `${mark} ${id}\n`);
  };
  return {
    node,
    started: (id) => write('S', id),
    finished: (id) => write('F', id),
    track: (id, response) => {
      if (id === null || id === undefined) return;
      write('S', id);
      response.once('finish', () => write('F', id));
    },
    close: () => {
      if (file !== undefined) closeSync(file);
      file = undefined;
    },
  };
}
