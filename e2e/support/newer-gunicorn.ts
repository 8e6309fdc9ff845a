import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { newerTool } from '../../packages/controller/test/support/newer-tool.ts';

const { path: command, why } = newerTool('gunicorn');
const isThere = spawnSync(command, ['--version']).status === 0;

/** Gunicorn as it is upstream now, and the Python that runs it, where the set-up could get them. */
export const newerGunicorn: { readonly command?: string; readonly python?: string; readonly why: string } = {
  ...(isThere ? { command, python: join(dirname(command), 'python3') } : {}),
  why,
};
