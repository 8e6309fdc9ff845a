import { existsSync } from 'node:fs';
import { newerTool } from '../../packages/controller/test/support/newer-tool.ts';

const { path, why } = newerTool('nginx');

/** nginx as it is upstream now, where the set-up could get it; `skip` is for a test that needs it. */
export const newerNginx: { readonly path: string; readonly skip: string | false } = {
  path,
  skip: existsSync(path) ? false : why,
};
