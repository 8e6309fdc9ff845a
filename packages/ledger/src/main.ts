import { parseArgs } from 'node:util';
import { formatLedger } from './format.ts';
import { defaultMix, kinds, parseMix, spreadConnections } from './kinds.ts';
import type { LoadOptions } from './options.ts';
import { joinLedgers, readServerLedger } from './read-server-ledger.ts';
import type { LedgerResult } from './result.ts';
import { runLoad } from './run-load.ts';
import { UsageError } from './usage-error.ts';

const help = `Usage: node packages/ledger/dist/main.js URL [options]

Puts load on URL (http://host:port) and keeps a ledger of every request. Retries nothing.

  --connections N      connections in all (default 40)
  --mix KIND=WEIGHT,…  how they are shared among the kinds of traffic (default ${Object.entries(defaultMix)
    .map(([kind, weight]) => `${kind}=${weight}`)
    .join(',')})
                       kinds: ${kinds.join(', ')}
  --duration TIME      such as 500ms, 10s, 2m (default 10s, or no limit with --count)
  --count N            stop after N requests
  --rate N             the most requests per second and connection, 0 for no bound (default 25)
  --timeout TIME       the longest that one request may take (default 60s)
  --server-ledger DIR  join with the ledgers that the servers wrote (their LEDGER_DIR)
  --json               print the ledger as JSON
  --help               print this

SIGINT or SIGTERM ends the load early: what is in flight is finished and the ledger printed.
Exit code: 0 nothing lost, nothing executed twice; 1 something was, or nothing was sent; 2 usage.
`;

const argumentOptions = {
  connections: { type: 'string' },
  mix: { type: 'string' },
  duration: { type: 'string' },
  count: { type: 'string' },
  rate: { type: 'string' },
  timeout: { type: 'string' },
  'server-ledger': { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean' },
} as const;

interface Command {
  readonly load: LoadOptions;
  readonly serverLedgerDir: string | undefined;
  readonly isJson: boolean;
}

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

function readNumber(option: string, text: string): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text);
  throw new UsageError(`Cannot read --${option} "${text}": a number: current value is ${text}`);
}

function readDuration(option: string, text: string): number {
  const [, amount, unit = ''] = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text) ?? [];
  if (amount !== undefined) return Number(amount) * (unitMs[unit] ?? 1);
  throw new UsageError(
    `Cannot read --${option} "${text}": a time such as 500ms, 10s or 2m: current value is ${text}`,
  );
}

function readArguments(
  args: readonly string[],
): ReturnType<typeof parseArgs<{ args: string[]; options: typeof argumentOptions; allowPositionals: true }>> {
  try {
    return parseArgs({ args: [...args], options: argumentOptions, allowPositionals: true });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

/** The command that the arguments ask for, `undefined` for --help; throws UsageError. */
function readCommand(args: readonly string[]): Command | undefined {
  const { values, positionals } = readArguments(args);
  if (values.help === true) return undefined;
  const [url, ...rest] = positionals;
  if (url === undefined || rest.length > 0) {
    throw new UsageError(
      `Cannot start the load "${positionals.join(' ')}": one URL: current value is ${positionals.length} arguments`,
    );
  }
  const total = readNumber('connections', values.connections ?? '40');
  const count = values.count === undefined ? undefined : readNumber('count', values.count);
  const duration = values.duration ?? (count === undefined ? '10s' : undefined);
  return {
    load: {
      url,
      connections: values.mix === undefined ? total : spreadConnections(parseMix(values.mix), total),
      ratePerConnection: readNumber('rate', values.rate ?? '25'),
      timeoutMs: readDuration('timeout', values.timeout ?? '60s'),
      ...(duration === undefined ? {} : { durationMs: readDuration('duration', duration) }),
      ...(count === undefined ? {} : { count }),
    },
    serverLedgerDir: values['server-ledger'],
    isJson: values.json === true,
  };
}

function isClean({ sent, lost, server }: LedgerResult): boolean {
  return sent > 0 && lost === 0 && (server?.duplicates.length ?? 0) === 0;
}

async function runCommand(command: Command): Promise<number> {
  const load = runLoad(command.load);
  const stop = (): void => void load.stop();
  process.once('SIGINT', stop).once('SIGTERM', stop);
  const client = await load.done;
  const { serverLedgerDir } = command;
  const result =
    serverLedgerDir === undefined ? client : joinLedgers(client, await readServerLedger(serverLedgerDir));
  process.stdout.write(
    command.isJson ? `${JSON.stringify(result)}\n` : formatLedger(result, { stream: process.stdout }),
  );
  return isClean(result) ? 0 : 1;
}

async function main(args: readonly string[]): Promise<number> {
  try {
    const command = readCommand(args);
    if (command !== undefined) return await runCommand(command);
    process.stdout.write(help);
    return 0;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    return error instanceof UsageError ? 2 : 1;
  }
}

process.exitCode = await main(process.argv.slice(2));
