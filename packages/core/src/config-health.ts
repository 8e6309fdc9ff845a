import type { Address } from './address.ts';
import type { BodyMatch, ConfigProblem, HealthConfig, StatusRange } from './config.ts';
import { defaults } from './config-defaults.ts';
import { type HealthDocument, parsePattern } from './config-health-schema.ts';
import { definedOnly } from './defined-only.ts';

/** The checks of one node: its own keys over the service's over the defaults. */
export function toHealth(service: HealthDocument, node: HealthDocument, isApp: boolean): HealthConfig {
  const health = { ...service, ...definedOnly(node) };
  const intervalMs = health.interval ?? defaults.intervalMs;
  return {
    type: health.type ?? 'http',
    // our own worker answers readiness by itself, so an application needs no health route of its own
    path: health.path ?? (isApp ? defaults.readinessPath : defaults.healthPath),
    port: health.port,
    intervalMs,
    downIntervalMs: health.downInterval ?? intervalMs,
    timeoutMs: health.timeout ?? defaults.timeoutMs,
    rise: health.rise ?? defaults.rise,
    fall: health.fall ?? defaults.fall,
    expect: {
      status: toStatusRanges(statusOf(node) ?? statusOf(service) ?? '200-299'),
      body: toBodyMatch(node.expect?.body ?? service.expect?.body),
    },
    slowStartMs: health.slowStart === undefined || health.slowStart === false ? 0 : health.slowStart,
    passive: toPassive(health.passive),
  };
}

/** What the schema of the checks cannot say, for the service (`own` and `inherited` alike) or for one node. */
export function checkHealthRules(
  path: readonly (string | number)[],
  own: HealthDocument,
  inherited: HealthDocument,
): readonly ConfigProblem[] {
  const at = (key: string, message: string): ConfigProblem => ({ path: [...path, key], message });
  const problems: ConfigProblem[] = [];
  if ((own.type ?? inherited.type) === 'tcp') {
    const keys = ['path', 'expect', 'expectStatus'] as const;
    for (const key of keys.filter((one) => own[one] !== undefined))
      problems.push(at(key, 'must be left out: a check of type tcp only opens a connection'));
  }
  if (own.expectStatus !== undefined && own.expect?.status !== undefined)
    problems.push(at('expectStatus', 'must be left out where expect.status says the same'));
  return problems;
}

/** A unix socket has no port that could be another one. */
export function refusePort(
  path: readonly (string | number)[],
  address: Address,
  own: HealthDocument,
): readonly ConfigProblem[] {
  if (address.kind === 'tcp' || own.port === undefined) return [];
  return [{ path: [...path, 'port'], message: 'must be left out where the address is a unix socket' }];
}

function statusOf(health: HealthDocument): number | string | readonly (number | string)[] | undefined {
  return health.expect?.status ?? health.expectStatus;
}

function toStatusRanges(value: number | string | readonly (number | string)[]): readonly StatusRange[] {
  const list = typeof value === 'object' ? value : [value];
  return list.map((status) => {
    const [from = '200', to = from] = String(status).split('-');
    return { from: Number(from), to: Number(to) };
  });
}

function toBodyMatch(text: string | undefined): BodyMatch | undefined {
  if (text === undefined) return undefined;
  const pattern = parsePattern(text);
  return pattern === undefined ? { kind: 'text', text } : { kind: 'pattern', ...pattern };
}

function toPassive(passive: HealthDocument['passive']): HealthConfig['passive'] {
  if (passive === undefined) return undefined;
  return {
    errors: passive.errors ?? defaults.passiveErrors,
    withinMs: passive.within ?? defaults.passiveWithinMs,
  };
}
