import { formatAddress } from './address.ts';
import { type ConfigProblem, longestHoldMs } from './config.ts';
import { checkApiRules } from './config-api.ts';
import { checkHealthRules, refusePort } from './config-health.ts';
import type { HealthDocument } from './config-health-schema.ts';
import { checkLaunch } from './config-launch.ts';
import type { ConfigDocument } from './config-schema.ts';

type Rule = (document: ConfigDocument) => readonly ConfigProblem[];

/** Rules over more than one field: what the schema cannot say. All problems at once, in the order of the file. */
export function checkRules(document: ConfigDocument): readonly ConfigProblem[] {
  return rules.flatMap((rule) => rule(document));
}

function duplicates(
  values: readonly { readonly path: readonly (string | number)[]; readonly value: string }[],
  what: string,
): readonly ConfigProblem[] {
  const seen = new Set<string>();
  return values.flatMap(({ path, value }) => {
    if (!seen.has(value)) {
      seen.add(value);
      return [];
    }
    return [{ path, message: `must be ${what} that nothing else has: current value is "${value}"` }];
  });
}

const uniqueNodeNames: Rule = ({ nodes }) =>
  duplicates(
    nodes.map((node, index) => ({ path: ['nodes', index, 'name'], value: node.name })),
    'a node name',
  );

const uniqueEdgeNames: Rule = ({ edges }) =>
  duplicates(
    edges.map((edge, index) => ({ path: ['edges', index, 'name'], value: edge.name })),
    'an edge name',
  );

const uniqueAddresses: Rule = ({ edges, nodes }) =>
  duplicates(
    [
      ...edges.flatMap((edge, index) =>
        edge.listen === undefined
          ? []
          : [{ path: ['edges', index, 'listen'], value: formatAddress(edge.listen) }],
      ),
      ...nodes.map((node, index) => ({
        path: ['nodes', index, 'address'],
        value: formatAddress(node.address),
      })),
    ],
    'an address',
  );

function exactlyOne(
  section: string,
  items: readonly object[],
  keys: readonly string[],
): readonly ConfigProblem[] {
  return items.flatMap((item, index) => {
    const present = keys.filter(
      (key) => Object.hasOwn(item, key) && item[key as keyof typeof item] !== undefined,
    );
    if (present.length === 1) return [];
    const got = present.length === 0 ? 'none' : present.join(' and ');
    return [
      {
        path: [section, index],
        message: `must have exactly one of ${keys.join(', ')}: current value is ${got}`,
      },
    ];
  });
}

const oneKindOfNode: Rule = ({ nodes }) =>
  exactlyOne('nodes', nodes, ['app', 'gunicorn', 'process', 'systemd']);
const oneKindOfEdge: Rule = ({ edges }) => exactlyOne('edges', edges, ['listen', 'attach']);

/** Port 0 means "any free one" to a socket, which nobody else could then find. */
const realPorts: Rule = ({ edges, nodes }) => [
  ...edges.flatMap((edge, index) =>
    edge.listen?.kind === 'tcp' && edge.listen.port === 0 ? [portProblem(['edges', index, 'listen'])] : [],
  ),
  ...nodes.flatMap((node, index) =>
    node.address.kind === 'tcp' && node.address.port === 0 ? [portProblem(['nodes', index, 'address'])] : [],
  ),
];

function portProblem(path: readonly (string | number)[]): ConfigProblem {
  return { path, message: 'must have a port from 1 to 65535: current value is 0' };
}

/** The least that a duration may be: below it a rule of ours or of the peers could not hold. */
function atLeast(
  path: readonly (string | number)[],
  ms: number | undefined,
  leastMs: number,
  why: string,
): readonly ConfigProblem[] {
  if (ms === undefined || ms >= leastMs) return [];
  return [{ path, message: `must be at least ${leastMs}ms, ${why}: current value is ${ms}ms` }];
}

/** Deadlines nest: worker < master < controller; the master's share of the margin needs at least half a second. */
const nestedDeadlines: Rule = ({ shutdown, startup, edges }) => [
  ...atLeast(
    ['shutdown', 'margin'],
    shutdown.margin,
    1000,
    'so that the master can kill before the controller does',
  ),
  ...atLeast(
    ['shutdown', 'timeoutGracefulShutdown'],
    shutdown.timeoutGracefulShutdown,
    1000,
    'the resolution of Gunicorn',
  ),
  ...atLeast(['startup', 'timeout'], startup.timeout, 1000, 'the time that a process needs to start'),
  ...edges.flatMap((edge, index) =>
    atLeast(['edges', index, 'quiesceTimeout'], edge.quiesceTimeout, 1000, 'the time that a reload needs'),
  ),
];

const sensibleChecks: Rule = ({ health, nodes }) =>
  [
    { path: ['health'], health },
    ...nodes.map((node, index) => ({ path: ['nodes', index, 'health'], health: node.health })),
  ].flatMap(({ path, health: checks }) => [
    ...atLeast([...path, 'interval'], checks?.interval, 10, 'so that checks leave room for requests'),
    ...atLeast([...path, 'downInterval'], checks?.downInterval, 10, 'so that checks leave room for requests'),
    ...atLeast([...path, 'timeout'], checks?.timeout, 10, 'the time that an answer needs'),
    ...slowRamp(path, checks),
    ...slowWindow(path, checks),
  ]);

function slowRamp(path: readonly (string | number)[], checks?: HealthDocument): readonly ConfigProblem[] {
  const ms = checks?.slowStart;
  if (ms === undefined || ms === false) return [];
  return atLeast([...path, 'slowStart'], ms, 1000, 'so that the weight has time to rise');
}

function slowWindow(path: readonly (string | number)[], checks?: HealthDocument): readonly ConfigProblem[] {
  const ms = checks?.passive?.within;
  return atLeast([...path, 'passive', 'within'], ms, 1000, 'the edges are asked about once a second');
}

const fittingChecks: Rule = ({ health, nodes }) => [
  ...checkHealthRules(['health'], health, health),
  ...nodes.flatMap((node, index) => {
    const path = ['nodes', index, 'health'];
    const own = node.health ?? {};
    return [...checkHealthRules(path, own, health), ...refusePort(path, node.address, own)];
  }),
];

/** nginx without the gate has no slow start and counts no errors for anybody to read. */
const gatedChecks: Rule = ({ health, edges, nodes }) => {
  const edge = edges.find(({ mode }) => mode === 'reload');
  if (edge === undefined) return [];
  const message = (what: string): string =>
    `must be left out where an edge has mode reload: ${what} needs the gate, and edge "${edge.name}" is without it`;
  return [
    { path: ['health'], checks: health },
    ...nodes.map((node, index) => ({ path: ['nodes', index, 'health'], checks: node.health })),
  ].flatMap(({ path, checks }) => [
    ...(checks?.slowStart ? [{ path: [...path, 'slowStart'], message: message('slow start') }] : []),
    ...(checks?.passive ? [{ path: [...path, 'passive'], message: message('counting errors') }] : []),
  ]);
};

/** The gate picks by itself while a node is out, and knows nothing of nginx's cookie. */
const ungatedSticky: Rule = ({ sticky, edges }) => {
  if (sticky === undefined) return [];
  const gated = edges.find(({ mode }) => mode === 'gate');
  return [
    ...atLeast(['sticky', 'expires'], sticky.expires, 1000, 'the resolution of nginx'),
    ...(sticky.sameSite === 'none' && !sticky.secure
      ? [
          {
            path: ['sticky', 'secure'],
            message: 'must be true with sameSite none: browsers drop the cookie else',
          },
        ]
      : []),
    ...(gated === undefined
      ? []
      : [
          {
            path: ['sticky'],
            message: `must be left out where an edge has mode gate, which has no sticky sessions: edge "${gated.name}" has it`,
          },
        ]),
  ];
};

const attainableMinimum: Rule = ({ availability, nodes }) =>
  typeof availability.minAvailable === 'number' && availability.minAvailable > nodes.length
    ? [
        {
          path: ['availability', 'minAvailable'],
          message: `must be at most the number of nodes (${nodes.length}): current value is ${availability.minAvailable}`,
        },
      ]
    : [];

const boundedHold: Rule = ({ availability: { hold } }) =>
  hold <= longestHoldMs
    ? []
    : [
        {
          path: ['availability', 'hold'],
          message: `must be at most ${longestHoldMs}ms, as requests that wait fill the edge: current value is ${hold}ms`,
        },
      ];
/** Somebody must be left to follow a canary, and to be compared with it. */
const sensibleRollout: Rule = ({ rollout, nodes }) => {
  const most = nodes.length - 1;
  const problem = (key: string, message: string): ConfigProblem => ({ path: ['rollout', key], message });
  return [
    ...(rollout.canary > most
      ? [
          problem(
            'canary',
            `must be fewer than the nodes (${nodes.length}): current value is ${rollout.canary}`,
          ),
        ]
      : []),
    ...(rollout.canary === 0 && rollout.soak !== undefined
      ? [problem('soak', 'must be left out where no canary goes first (rollout.canary)')]
      : []),
    ...(typeof rollout.batch === 'number' && rollout.batch > nodes.length
      ? [
          problem(
            'batch',
            `must be at most the number of nodes (${nodes.length}): current value is ${rollout.batch}`,
          ),
        ]
      : []),
  ];
};

const rules: readonly Rule[] = [
  uniqueEdgeNames,
  oneKindOfEdge,
  uniqueNodeNames,
  oneKindOfNode,
  uniqueAddresses,
  realPorts,
  nestedDeadlines,
  sensibleChecks,
  fittingChecks,
  gatedChecks,
  ungatedSticky,
  attainableMinimum,
  ({ nodes }) => nodes.flatMap((node, index) => checkLaunch(index, node)),
  boundedHold,
  sensibleRollout,
  ({ api }) => checkApiRules(api),
];
