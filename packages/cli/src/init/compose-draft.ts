import { defaults, formatPath, LameduckError, parseConfig } from '@lameduck/core';
import { stringify } from 'yaml';
import type { Draft, NodeDraft } from './draft.ts';

/** The file, and what a person must know about it. */
export interface NewConfig {
  readonly text: string;
  /** It holds an environment, where passwords may be. */
  readonly isPrivate: boolean;
  readonly notes: readonly string[];
  /** What to look at in the file. */
  readonly hints: readonly string[];
  readonly steps: readonly string[];
  readonly later: readonly string[];
}

/**
 * One configuration of what nginx tells (where the nodes are) and what PM2 or Gunicorn tell (how they run). Throws
 * `config` where the outcome would be none that lameduck takes: nothing is written then.
 */
export function composeDraft(source: string, edge: Draft | undefined, runtime: Draft | undefined): NewConfig {
  const notes = [...(edge?.notes ?? []), ...(runtime?.notes ?? [])];
  const nodes = edge === undefined ? (runtime?.nodes ?? []) : placed(edge, runtime, notes);
  const document = toDocument(nodes, edge, runtime);
  const hints = hintsFor(nodes);
  const parsed = parseConfig(document);
  if (!parsed.ok) throw unusable(source, parsed.problems);
  const comments = [
    `Written by lameduck init from ${source}.`,
    ...notes.map((note) => `Not carried over: ${note}`),
    ...hints,
  ];
  const head = comments.map((line) => `# ${line.replace(/\p{Cc}/gu, ' ')}\n`).join('');
  const steps = [...(edge?.steps ?? []), ...(runtime?.steps ?? [])];
  const text = `${head}\n${stringify(document, { lineWidth: 110 })}`;
  return { text, isPrivate: nodes.some(hasEnvironment), notes, hints, steps, later: edge?.later ?? [] };
}

function toDocument(
  nodes: readonly NodeDraft[],
  edge: Draft | undefined,
  runtime: Draft | undefined,
): object {
  const taken = new Set(nodes.map(({ address }) => address));
  return {
    service: edge?.service ?? runtime?.service ?? 'app',
    edges: edge?.edges ?? [{ name: 'edge-1', listen: freeListen(taken) }],
    nodes,
    ...(edge?.balance === undefined ? {} : { balance: edge.balance }),
    ...(needsHealthPath(nodes) ? { health: { path: defaults.healthPath } } : {}),
    ...(runtime?.shutdown === undefined ? {} : { shutdown: runtime.shutdown }),
    ...(runtime?.startup === undefined ? {} : { startup: runtime.startup }),
    // with a single node the guard would refuse each restart; the gate holds requests meanwhile
    ...(nodes.length === 1 ? { availability: { minAvailable: 0 } } : {}),
  };
}

/** Only our own workers answer readiness by themselves. */
function needsHealthPath(nodes: readonly NodeDraft[]): boolean {
  return nodes.every(({ app }) => app === undefined);
}

function hasEnvironment({ env }: NodeDraft): boolean {
  return Object.keys(env ?? {}).length > 0;
}

function hintsFor(nodes: readonly NodeDraft[]): readonly string[] {
  return [
    ...(nodes.some(hasEnvironment)
      ? ['Environment: it may hold passwords; keep the file for its owner only (mode 0600).']
      : []),
    ...(needsHealthPath(nodes)
      ? [
          `Health: each node is asked for GET ${defaults.healthPath} and must answer 2xx; name another path if it has one.`,
        ]
      : []),
    ...(nodes.length === 1
      ? [
          'One node: minAvailable is 0, so that it can be restarted; requests wait meanwhile at a managed edge with the gate. Two nodes are better.',
        ]
      : []),
  ];
}

/** The nodes that nginx names, run as the other file says: by port where several programs are there. */
function placed(edge: Draft, runtime: Draft | undefined, notes: string[]): readonly NodeDraft[] {
  const runners = runtime?.nodes ?? [];
  const unknown: string[] = [];
  const nodes = edge.nodes.map((node): NodeDraft => {
    const runner = runners.find(({ address }) => address === node.address) ?? runners[0];
    if (runner !== undefined) return { ...runner, ...node, ...portOf(runner, node) };
    if (node.process !== undefined) return node;
    unknown.push(node.name);
    const start = `echo "say in lameduck.yaml how node ${node.name} is started" >&2; exit 78`;
    return { ...node, process: { start } };
  });
  if (unknown.length > 0) {
    notes.push(
      `nodes ${unknown.join(', ')}: nginx does not tell how they are started; say it at "process: start", or use --pm2 or --gunicorn`,
    );
  }
  return nodes;
}

/** An environment that says PORT must say the port that the node has now. */
function portOf(runner: NodeDraft, node: NodeDraft): Pick<NodeDraft, 'env'> {
  const port = /:(\d+)$/.exec(node.address)?.[1];
  if (runner.env?.['PORT'] === undefined || port === undefined) return {};
  return { env: { ...runner.env, PORT: port } };
}

function freeListen(taken: ReadonlySet<string>): string {
  for (let port = 8080; ; port += 1) {
    const listen = `127.0.0.1:${port}`;
    if (!taken.has(listen)) return listen;
  }
}

function unusable(
  source: string,
  problems: readonly { readonly path: readonly (string | number)[]; readonly message: string }[],
): LameduckError {
  const lines = problems.map(({ path, message }) => `${formatPath(path)}: ${message}`);
  const message = `Cannot write a configuration from ${source}: its values must be ones that lameduck takes: current value is ${lines.join('; ')}`;
  return new LameduckError('config', message, { problems: lines });
}
