import { resolve } from 'node:path';
import type { LaunchOptions } from '@lameduck/controller';
import type { NodeConfig } from '@lameduck/core';
import type { ServicePaths } from './paths.ts';

/** How the processes of a node are started, with absolute paths. */
export function launchOptions({ env, launch }: NodeConfig, paths: ServicePaths): LaunchOptions {
  const absolute = (path: string): string => resolve(paths.folder, path);
  const { logFile } = launch;
  return {
    ...launch,
    env,
    envFiles: launch.envFiles.map(absolute),
    logFile: logFile === undefined ? undefined : absolute(logFile),
  };
}
