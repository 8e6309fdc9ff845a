import { z } from 'zod';
import { type Address, parseAddress } from './address.ts';
import { apiSchema } from './config-api-schema.ts';
import { defaults } from './config-defaults.ts';
import { duration, positive } from './config-fields.ts';
import { health } from './config-health-schema.ts';
import { launchFields } from './config-launch.ts';
import { hooks, rollout } from './config-rollout.ts';

// Names and keys reach nginx, Lua, file names and process titles: nothing but these characters ever does.
const namePattern = /^[a-z0-9][a-z0-9-]{0,62}$/;
const balancePattern =
  /^(round_robin|least_conn|ip_hash|hash (\$[A-Za-z_]\w*|[A-Za-z0-9_.:-])+( consistent)?)$/;
const environmentName = /^[A-Za-z_][A-Za-z0-9_]*$/;

const name = z.string().regex(namePattern, {
  error: 'must be lower-case letters, digits and dashes, at most 63, the first not a dash',
});

const text = z.string().min(1, { error: 'must not be empty' });

const path = text.refine((value) => !/[\0\n\r]/.test(value), { error: 'must be one line' });

const address = z
  .string({ error: 'must be HOST:PORT, [IPV6]:PORT or unix:/PATH' })
  .transform((value, context): Address => {
    const parsed = parseAddress(value);
    if (parsed !== undefined) return parsed;
    context.addIssue({
      code: 'custom',
      message: 'must be HOST:PORT, [IPV6]:PORT or unix:/PATH',
      input: value,
    });
    return z.NEVER;
  });

const edge = z.strictObject({
  name,
  listen: address.optional(),
  attach: z.strictObject({ conf: path, include: path, prefix: path.optional() }).optional(),
  mode: z.enum(['auto', 'gate', 'reload']).default('auto'),
  nginx: path.optional(),
  quiesceTimeout: duration.default(defaults.quiesceTimeoutMs),
});

const app = z.strictObject({ entry: path, workers: positive.max(512).default(defaults.workers) });

const gunicorn = z.strictObject({
  app: z.string().regex(/^[A-Za-z_][\w.]*:[A-Za-z_][\w.]*(\(\))?$/, { error: 'must be MODULE:VARIABLE' }),
  directory: path.optional(),
  workers: positive.max(512).default(defaults.workers),
  command: path.optional(),
  python: path.optional(),
  workerClass: z
    .string()
    .regex(/^[\w.:+]+$/, { error: 'must be a dotted Python name' })
    .optional(),
  arguments: z.array(text).default([]),
});

const process = z.strictObject({
  start: z.union([text, z.array(text).min(1)], { error: 'must be a command line or a list of its words' }),
  pidfile: path.optional(),
});

const systemd = z.strictObject({
  unit: z.string().regex(/^[A-Za-z0-9:_.\\@-]+\.service$/, {
    error: 'must be the name of a service unit, such as shop@a.service',
  }),
  user: z.boolean().default(false),
});

const environmentValue = z.union([z.string(), z.number(), z.boolean()]).transform(String);

const node = z.strictObject({
  name,
  address,
  weight: positive.max(65_535).default(1),
  env: z
    .record(z.string().regex(environmentName, { error: 'must be an environment name' }), environmentValue)
    .default({}),
  directory: path.optional(),
  ...launchFields,
  health: health.optional(),
  app: app.optional(),
  gunicorn: gunicorn.optional(),
  process: process.optional(),
  systemd: systemd.optional(),
  hooks: hooks.optional(),
});

const balance = z.string().regex(balancePattern, {
  error:
    'must be round_robin, least_conn, ip_hash, hash KEY or hash KEY consistent (KEY: nginx variables such as $request_uri)',
});

const sticky = z.strictObject({
  cookie: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,63}$/, {
    error: 'must be letters, digits and _, at most 64, the first not a digit',
  }),
  path: z
    .string()
    .regex(/^\/[A-Za-z0-9._~/-]*$/, {
      error: 'must be the path of a URL, of letters, digits and ._~/-, the first a /',
    })
    .default('/'),
  expires: duration.optional(),
  domain: z
    .string()
    .max(253)
    .regex(/^\.?[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$/, {
      error: 'must be the name of a host, such as shop.example',
    })
    .optional(),
  secure: z.boolean().default(false),
  sameSite: z.enum(['strict', 'lax', 'none']).optional(),
  drain: duration.optional(),
});

const minAvailableError = 'must be a number of nodes or a percentage such as 50%';
const minAvailable = z.union(
  [z.number().int().min(0), z.string().regex(/^(100|[1-9]?\d)%$/, { error: minAvailableError })],
  { error: minAvailableError },
);

const panicError = 'must be a percentage of the nodes from 1% to 100%, such as 50%';
const panic = z.string({ error: panicError }).regex(/^(100|[1-9]\d?)%$/, { error: panicError });

/** The shape of `lameduck.yaml` as users write it; `z.toJSONSchema` gives editors the same. */
export const configSchema = z.strictObject({
  service: name,
  stateDirectory: path.default(defaults.stateDirectory),
  edges: z.array(edge).min(1, { error: 'must have at least one edge' }),
  nodes: z.array(node).min(1, { error: 'must have at least one node' }),
  balance: balance.default('round_robin'),
  sticky: sticky.optional(),
  health: health.default({}),
  shutdown: z
    .strictObject({
      timeoutGracefulShutdown: duration.default(defaults.timeoutGracefulShutdownMs),
      margin: duration.default(defaults.marginMs),
      drainTimeout: duration.optional(),
      sessions: z.enum(['finish', 'close']).default('finish'),
    })
    .prefault({}),
  startup: z.strictObject({ timeout: duration.default(defaults.startupTimeoutMs) }).prefault({}),
  availability: z
    .strictObject({
      minAvailable: minAvailable.default(defaults.minAvailable),
      panic: panic.optional(),
      hold: duration.default(defaults.holdMs),
      require: z.enum(['all', 'quorum']).default(defaults.require),
    })
    .prefault({}),
  rollout,
  api: apiSchema.optional(),
});

/** What the schema gives: durations as milliseconds, addresses parsed, optional parts still optional. */
export type ConfigDocument = z.output<typeof configSchema>;
