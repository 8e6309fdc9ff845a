import type { z } from 'zod';
import type { Address } from './address.ts';
import type { Balance, Config, ConfigProblem, EdgeConfig, NodeConfig } from './config.ts';
import { toApi } from './config-api.ts';
import { toHealth } from './config-health.ts';
import { describeIssue } from './config-issues.ts';
import { toLaunch } from './config-launch.ts';
import { isRelated, repair } from './config-repair.ts';
import { toHooks, toRollout } from './config-rollout.ts';
import { checkRules } from './config-rules.ts';
import { type ConfigDocument, configSchema } from './config-schema.ts';

type EdgeDocument = ConfigDocument['edges'][number];
type NodeDocument = ConfigDocument['nodes'][number];

export type ParsedConfig =
  | { readonly ok: true; readonly config: Config }
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

/** Checks a configuration as read from YAML, JSON or a module; reports all problems at once, each with its path. */
export function parseConfig(input: unknown): ParsedConfig {
  const parsed = configSchema.safeParse(input);
  if (!parsed.success) {
    const { issues } = parsed.error;
    const problems = issues.flatMap((issue: z.core.$ZodIssue) => describeIssue(issue, input));
    return { ok: false, problems: [...problems, ...otherProblems(input, problems)] };
  }
  const problems = checkRules(parsed.data);
  return problems.length > 0 ? { ok: false, problems } : { ok: true, config: toConfig(parsed.data) };
}

/** What breaks a rule over several keys, all of which are right in themselves. */
function otherProblems(input: unknown, found: readonly ConfigProblem[]): readonly ConfigProblem[] {
  const wrong = found.map(({ path }) => path);
  const { data } = configSchema.safeParse(repair(input, wrong));
  if (data === undefined) return [];
  return checkRules(data).filter(({ path }) => !wrong.some((other) => isRelated(path, other)));
}

function toConfig(document: ConfigDocument): Config {
  const { timeoutGracefulShutdown, margin, drainTimeout, sessions } = document.shutdown;
  return deepFreeze({
    service: document.service,
    stateDirectory: document.stateDirectory,
    edges: document.edges.map(toEdge),
    nodes: document.nodes.map((node) => toNode(node, document)),
    balance: toBalance(document.balance),
    sticky: toSticky(document),
    shutdown: {
      timeoutGracefulShutdownMs: timeoutGracefulShutdown,
      marginMs: margin,
      drainTimeoutMs: drainTimeout ?? timeoutGracefulShutdown,
      sessions,
    },
    startup: { timeoutMs: document.startup.timeout },
    availability: toAvailability(document),
    rollout: toRollout(document.rollout, document.nodes.length),
    api: toApi(document.api),
  });
}

function toEdge(edge: EdgeDocument): EdgeConfig {
  const base = { name: edge.name, mode: edge.mode, nginx: edge.nginx, quiesceTimeoutMs: edge.quiesceTimeout };
  if (edge.attach !== undefined) {
    const { conf, include, prefix } = edge.attach;
    return { ...base, kind: 'attached', conf, include, prefix };
  }
  return { ...base, kind: 'managed', listen: edge.listen as Address };
}

function toNode(node: NodeDocument, { health: service, rollout }: ConfigDocument): NodeConfig {
  const base = {
    name: node.name,
    address: node.address,
    weight: node.weight,
    env: node.env,
    directory: node.directory ?? node.gunicorn?.directory ?? '.',
    launch: toLaunch(node),
    health: toHealth(service, node.health ?? {}, node.app !== undefined),
    hooks: toHooks(node.hooks, rollout.hooks),
  };
  if (node.app !== undefined) return { ...base, kind: 'app', ...node.app };
  if (node.process !== undefined) {
    return { ...base, kind: 'process', start: node.process.start, pidfile: node.process.pidfile };
  }
  if (node.systemd !== undefined)
    return { ...base, kind: 'systemd', unit: node.systemd.unit, isUserUnit: node.systemd.user };
  const {
    app,
    workers,
    command,
    python,
    workerClass,
    arguments: extra,
  } = node.gunicorn as NonNullable<NodeDocument['gunicorn']>;
  return { ...base, kind: 'gunicorn', app, workers, command, python, workerClass, arguments: extra };
}

function toBalance(text: string): Balance {
  const [method, key, consistent] = text.split(' ');
  if (method === 'hash') return { type: 'hash', key: key ?? '', isConsistent: consistent !== undefined };
  return { type: text as 'round_robin' | 'least_conn' | 'ip_hash' };
}

function toSticky({ sticky, shutdown }: ConfigDocument): Config['sticky'] {
  if (sticky === undefined) return undefined;
  const { cookie, path, expires, domain, secure, sameSite, drain } = sticky;
  const drainMs = drain ?? shutdown.drainTimeout ?? shutdown.timeoutGracefulShutdown;
  return { cookie, path, expiresMs: expires, domain, isSecure: secure, sameSite, drainMs };
}

function toAvailability({ availability, nodes }: ConfigDocument): Config['availability'] {
  const { minAvailable, panic, hold, require } = availability;
  return {
    minAvailable: toMinAvailable(minAvailable, nodes.length),
    panicPercent: panic === undefined ? undefined : Number(panic.slice(0, -1)),
    holdMs: hold,
    require,
  };
}

function toMinAvailable(value: number | string, nodes: number): number {
  return typeof value === 'number' ? value : Math.ceil((nodes * Number(value.slice(0, -1))) / 100);
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const field of Object.values(value)) deepFreeze(field);
    Object.freeze(value);
  }
  return value;
}
