import { dirname, join, resolve } from 'node:path';
import { prepareSocketFolder, socketPath } from '@lameduck/controller/socket-path';
import type { Config } from '@lameduck/core';

/** Where one service keeps what it needs at run time. All paths are absolute. */
export interface ServicePaths {
  /** Folder of the config file: what its relative paths are relative to. */
  readonly folder: string;
  readonly state: string;
  readonly store: string;
  readonly log: string;
  readonly controlSocket: string;
  edge(name: string): string;
  node(name: string): string;
}

export function servicePaths(configFile: string, config: Config): ServicePaths {
  const folder = dirname(resolve(configFile));
  const state = resolve(folder, config.stateDirectory);
  return {
    folder,
    state,
    store: join(state, 'store.db'),
    log: join(state, 'controller.log'),
    controlSocket: socketPath(state, 'control.sock'),
    edge: (name) => join(state, 'edges', name),
    node: (name) => join(state, 'nodes', name),
  };
}

/** Makes the folders that must be there before anything starts. */
export function prepareControlFolder(paths: ServicePaths): void {
  prepareSocketFolder(dirname(paths.controlSocket));
}
