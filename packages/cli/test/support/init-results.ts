import assert from 'node:assert/strict';
import { parse } from 'yaml';
import type { CommandFolder } from './run-command.ts';

/** A configuration as `lameduck init` writes it. */
export interface Written {
  readonly service: string;
  readonly edges: readonly {
    readonly listen?: string;
    readonly attach?: { readonly conf: string; readonly include: string };
  }[];
  readonly nodes: readonly Record<string, unknown>[];
  readonly [key: string]: unknown;
}

/** What was written. */
export const written = (folder: CommandFolder): Written => parse(folder.read('lameduck.yaml')) as Written;

/** The findings of `lameduck check` on what was written; errors of the configuration are a failure. */
export async function check(
  folder: CommandFolder,
): Promise<readonly { readonly level: string; readonly text: string }[]> {
  const { stdout, stderr, code } = await folder.run(['check', '--json']);
  assert.equal(code, 0, stdout + stderr);
  return (JSON.parse(stdout) as { findings: { level: string; text: string }[] }).findings;
}

/** An application that answers. */
export const handler: string = 'export default (request, response) => response.end("ok");\n';

/** A main file of nginx that needs nothing of the machine. */
export const nginxConf = (
  folder: string,
  http: string,
): string => `pid ${folder}/nginx.pid; error_log ${folder}/error.log;
events {}
http {
  access_log off;
  client_body_temp_path ${folder}/t1; proxy_temp_path ${folder}/t2; fastcgi_temp_path ${folder}/t3;
  uwsgi_temp_path ${folder}/t4; scgi_temp_path ${folder}/t5;
${http}
}
`;
