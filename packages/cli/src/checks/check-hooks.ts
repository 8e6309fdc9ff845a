import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, resolve } from 'node:path';
import type { NodeConfig } from '@lameduck/core';
import { readSource, type Source } from '../config/load-config.ts';
import type { Service } from '../service.ts';
import { type Finding, warning } from './finding.ts';

const hookNames = ['beforeStart', 'rollBack'] as const;
type HookName = (typeof hookNames)[number];
type Path = readonly (string | number)[];

/** One hook as the file has it, with all nodes for which it leads to the same program. */
interface HookUse {
  readonly hook: HookName;
  readonly path: Path;
  readonly problem: string;
  readonly nodes: string[];
}

/** Looks for the programs of all hooks where a rollout would look for them, at the place of each in the configuration. */
export async function checkHooks({ config, file, paths }: Service): Promise<readonly Finding[]> {
  const withHooks = config.nodes.filter(({ hooks }) => hooks !== undefined);
  if (withHooks.length === 0) return [];
  const source = await readSource(file);
  const uses = new Map<string, HookUse>();
  for (const node of withHooks) {
    for (const hook of hookNames) {
      const problem = hookProblem(node, hook, resolve(paths.folder, node.directory));
      if (problem === undefined) continue;
      const path = pathOf(source, node.name, hook);
      const key = `${path.join('.')} ${problem}`;
      const use = uses.get(key) ?? { hook, path, problem, nodes: [] };
      use.nodes.push(node.name);
      uses.set(key, use);
    }
  }
  return [...uses.values()].map((use) => findingOf(use, file, source));
}

function findingOf({ hook, path, problem, nodes }: HookUse, file: string, source: Source): Finding {
  const place = source.locate(path);
  const whose = nodes.length === 1 ? `node ${nodes[0]}` : `nodes ${nodes.join(', ')}`;
  return { ...warning(whose, `hook ${hook}: ${problem}`), rule: 'hook', ...(place && { file, ...place }) };
}

/** A node's own hook, else that of all nodes. */
function pathOf({ value }: Source, node: string, hook: HookName): Path {
  const { nodes = [] } = value as { nodes?: readonly { name?: unknown; hooks?: Record<string, unknown> }[] };
  const index = nodes.findIndex(({ name }) => name === node);
  return nodes[index]?.hooks?.[hook] === undefined
    ? ['rollout', 'hooks', hook]
    : ['nodes', index, 'hooks', hook];
}

function hookProblem({ hooks, env }: NodeConfig, hook: HookName, directory: string): string | undefined {
  const command = hooks?.[hook];
  if (command === undefined) return undefined;
  if (hook === 'rollBack' && hooks?.beforeStart === undefined)
    return 'it never runs, since no beforeStart brings anything that it could take back';
  if (typeof command === 'string') return shellProblem(command, directory);
  const [program = ''] = command;
  if (program.includes('/')) return fileProblem(resolve(directory, program));
  const folders = (env['PATH'] ?? process.env['PATH'] ?? '').split(delimiter);
  const isFound = folders.some((folder) => fileProblem(resolve(directory, folder, program)) === undefined);
  return isFound ? undefined : `${program} is not on the PATH of the node`;
}

/** Of a line for the shell only what is surely a file: its first word, where it is a plain path. */
function shellProblem(line: string, directory: string): string | undefined {
  const [program] = /^[\w.@%+/-]*\/[\w.@%+/-]*(?=\s|;|$)/.exec(line.trim()) ?? [];
  return program === undefined ? undefined : fileProblem(resolve(directory, program));
}

function fileProblem(file: string): string | undefined {
  const found = statSync(file, { throwIfNoEntry: false });
  if (found === undefined) return `${file} does not exist`;
  if (!found.isFile()) return `${file} is no file`;
  try {
    accessSync(file, constants.X_OK);
    return undefined;
  } catch {
    return `${file} is not executable (chmod +x)`;
  }
}
