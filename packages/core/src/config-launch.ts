import { z } from 'zod';
import type { ConfigProblem } from './config.ts';

/** How the processes of a node are started, beside their command; what is `undefined` is as it is for lameduck itself. */
export interface LaunchConfig {
  /** Files of `NAME=value` lines, read at each start, relative to the config file's folder; `env` wins over them. */
  readonly envFiles: readonly string[];
  /** Names or numeric ids. */
  readonly user: string | undefined;
  readonly group: string | undefined;
  readonly umask: number | undefined;
  /** -20 to 19, as nice(1). */
  readonly nice: number | undefined;
  /** Where standard output and error go; relative to the config file's folder. */
  readonly logFile: string | undefined;
}

const path = z
  .string()
  .min(1, { error: 'must not be empty' })
  .refine((value) => !/[\0\n\r]/.test(value), { error: 'must be one line' });

function account(what: string): z.ZodType<string> {
  const error = `must be a ${what} name or a numeric id`;
  const name = z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]*\$?$/, { error });
  return z.union([name, z.number().int({ error }).min(0, { error })], { error }).transform(String);
}

const paths = 'must be a path or a list of paths';
const umaskError = 'must be three octal digits in quotes, such as "027"';

/** The keys of a node in `lameduck.yaml`. */
export const launchFields = {
  envFile: z.union([path, z.array(path).min(1, { error: paths })], { error: paths }).optional(),
  user: account('user').optional(),
  group: account('group').optional(),
  umask: z
    .string({ error: umaskError })
    .regex(/^0?[0-7]{3}$/, { error: umaskError })
    .transform((digits) => Number.parseInt(digits, 8))
    .optional(),
  nice: z.number().int().min(-20).max(19).optional(),
  log: z.strictObject({ file: path }).optional(),
} as const;

type LaunchDocument = { [Key in keyof typeof launchFields]: z.output<(typeof launchFields)[Key]> };

export function toLaunch(node: Partial<LaunchDocument>): LaunchConfig {
  const { envFile = [], user, group, umask, nice, log } = node;
  return {
    envFiles: typeof envFile === 'string' ? [envFile] : envFile,
    user,
    group,
    umask,
    nice,
    logFile: log?.file,
  };
}

/** A unit of systemd says all of this itself. */
const unitSettings: Readonly<Record<string, string>> = {
  env: 'Environment=',
  envFile: 'EnvironmentFile=',
  directory: 'WorkingDirectory=',
  user: 'User=',
  group: 'Group=',
  umask: 'UMask=',
  nice: 'Nice=',
  log: 'StandardOutput=',
};

/** Of a node that systemd starts, how it starts is the unit's business. */
export function checkLaunch(
  index: number,
  node: Readonly<Record<string, unknown>>,
): readonly ConfigProblem[] {
  if (node['systemd'] === undefined) return [];
  return Object.entries(unitSettings).flatMap(([key, setting]) => {
    const value = node[key];
    const isGiven = key === 'env' ? Object.keys(value as object).length > 0 : value !== undefined;
    if (!isGiven) return [];
    const message = `must be left out where systemd starts the node: the unit says ${setting}`;
    return [{ path: ['nodes', index, key], message }];
  });
}
