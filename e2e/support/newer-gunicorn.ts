import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { projectRoot } from './service-config.ts';

const command =
  process.env['LAMEDUCK_GUNICORN_NEWER'] ?? join(projectRoot, '.cache', 'newer-gunicorn', 'bin', 'gunicorn');
const isThere = spawnSync(command, ['--version']).status === 0;

/** Gunicorn as it is upstream now, and the Python that runs it, where `scripts/newer-gunicorn.sh` has brought them. */
export const newerGunicorn: { readonly command?: string; readonly python?: string; readonly why: string } = {
  ...(isThere ? { command, python: join(dirname(command), 'python3') } : {}),
  why: `no gunicorn at ${command}: scripts/newer-gunicorn.sh brings one`,
};
