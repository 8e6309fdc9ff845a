// `make demo`: a real nginx before two Node nodes and one Gunicorn/Uvicorn/FastAPI node; a rollout over all three
// while a load runs that retries nothing; then the ledger. Exit 0 only if no request was lost or executed twice.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { formatLedger, type LedgerResult, runLoad } from '@lameduck/ledger';
import { type RunningService, runService } from './support/run-service.ts';
import { projectRoot } from './support/service-config.ts';

const calmMs = 6000;
const connections = 40;

const { values } = parseArgs({ options: { keep: { type: 'boolean', default: false } } });
const launcher = join(projectRoot, 'packages', 'cli', 'bin', 'lameduck.cjs');
const stopped = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stopped.abort());

function say(text = ''): void {
  process.stdout.write(`${text}\n`);
}

async function rollout(service: RunningService): Promise<number | null> {
  const child = spawn(process.execPath, [launcher, 'rollout', '--config', service.configFile], {
    stdio: 'inherit',
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  return code;
}

function isClean(result: LedgerResult, code: number | null): boolean {
  const { server } = result;
  const isComplete = server !== undefined && server.duplicates.length === 0 && server.answeredUnseen === 0;
  return code === 0 && result.sent > 0 && result.answered === result.sent && isComplete;
}

function sayWhatToTry(service: RunningService): void {
  say(`\nIt all runs on ${service.url}. In another terminal, in ${projectRoot}:\n`);
  const command = `node_modules/.bin/node packages/cli/bin/lameduck.cjs`;
  const config = `--config ${service.configFile.slice(projectRoot.length + 1)}`;
  for (const words of ['status --watch', 'restart b', 'drain c', 'ready c', 'rollout', 'history']) {
    say(`  ${command} ${words} ${config}`);
  }
  say(
    `  node_modules/.bin/node packages/ledger/dist/main.js ${service.url} --duration 30s\n\nCtrl-C ends it.`,
  );
}

async function waitForStop(): Promise<void> {
  if (!stopped.signal.aborted) await once(stopped.signal, 'abort');
}

async function show(service: RunningService): Promise<boolean> {
  say((await service.lameduck('status')).stdout);
  say(
    `Load: ${connections} connections (keep-alive and fresh, GET, POST, slow uploads, streams, idle), no retries.`,
  );
  const load = runLoad({ url: service.url, connections });
  load.mark('before');
  await Promise.race([new Promise((resolve) => setTimeout(resolve, calmMs)), waitForStop()]);
  load.mark('rollout');
  say('Rollout over all nodes, one at a time:\n');
  const code = await rollout(service);
  load.mark('after');
  await new Promise((resolve) => setTimeout(resolve, 2000));
  const result = await service.audit(await load.stop());
  say(`\n${formatLedger(result, { stream: process.stdout })}`);
  return isClean(result, code);
}

say('Starting nginx, two Fastify nodes and one Gunicorn/Uvicorn/FastAPI node …\n');
const service = await runService({ nodes: ['app', 'app', 'gunicorn'] });
let isGood = false;
try {
  isGood = await show(service);
  say(isGood ? '\nNothing was lost, nothing was executed twice.' : '\nNOT CLEAN: see the ledger above.');
  if (values.keep) {
    sayWhatToTry(service);
    await waitForStop();
  }
} finally {
  await service.stop();
}
process.exitCode = isGood ? 0 : 1;
