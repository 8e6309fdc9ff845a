import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from './service-config.ts';

const path = process.env['LAMEDUCK_NGINX_NEWER'] ?? join(projectRoot, '.cache', 'newer-nginx', 'nginx');

/** nginx as it is upstream now, where `scripts/newer-nginx.sh` has brought it; `skip` is for a test that needs it. */
export const newerNginx: { readonly path: string; readonly skip: string | false } = {
  path,
  skip: existsSync(path) ? false : `no nginx at ${path}: scripts/newer-nginx.sh brings one`,
};
