import { batchSize, LameduckError, type RolloutCommand, type RolloutOptions } from '@lameduck/core';
import type { Command } from 'commander';
import {
  readBatch,
  readDuration,
  readNames,
  readNumberFromZero,
  readRatio,
  readShare,
} from '../arguments.ts';
import { showPlan } from '../output/plan-view.ts';
import { createRolloutBoard } from '../output/rollout-board.ts';
import { formatRollout } from '../output/rollout-view.ts';
import { showOn } from '../output/show-operation.ts';
import { createPlainBoard } from '../output/step-board.ts';
import { type ServiceOptions, withController, withControllerOptions } from '../service.ts';

interface Flags extends ServiceOptions {
  readonly batch?: number | string;
  readonly canary?: number;
  readonly soak?: number;
  readonly maxErrorRate?: number;
  readonly maxP99Ratio?: number;
  readonly minRequests?: number;
  readonly only?: readonly string[];
  readonly dryRun?: boolean;
}

const commands: Readonly<Record<RolloutCommand, string>> = {
  pause: 'let what runs end, and begin nothing new; a canary is watched on',
  resume: 'go on; a canary that could not be judged is good enough then',
  abort: 'let what runs end, roll canary nodes back, leave the rest alone',
};

/** `lameduck rollout`, `lameduck rollout pause|resume|abort|status` */
export function addRollout(program: Command): void {
  const rollout = withControllerOptions(program.command('rollout'))
    .description('restart all nodes in turn, canaries first; stop at the first that does not come back')
    .option('--batch <n>', 'nodes at the same time, or a percentage of all', readBatch)
    .option('--canary <n>', 'nodes that go first and are watched', readNumberFromZero)
    .option('--soak <duration>', 'how long canary nodes are watched', readDuration)
    .option('--max-error-rate <percent>', 'errors that a canary may give', readShare)
    .option('--max-p99-ratio <n>', 'its p99 over that of the other nodes', readRatio)
    .option('--min-requests <n>', 'requests below which it is not judged', readNumberFromZero)
    .option('--only <nodes>', 'only these, as a,b', readNames)
    .option('--dry-run', 'print the plan and what would change in nginx; touch nothing')
    .action(runRollout);
  for (const [command, description] of Object.entries(commands) as [RolloutCommand, string][]) {
    withControllerOptions(rollout.command(command))
      .description(description)
      .action((_options, self: Command) => commandRollout(command, self.optsWithGlobals()));
  }
  withControllerOptions(rollout.command('status'))
    .description('show the rollout under way, or the last one; exit code 1 where it was aborted, 3 for none')
    .action((_options, self: Command) => showStatus(self.optsWithGlobals()));
}

function runRollout(flags: Flags): Promise<void> {
  return withController(flags, async (client, screen) => {
    const options = rolloutOptions(flags, (await client.status()).nodes.length);
    if (flags.dryRun === true) return showPlan(await client.planRollout(options), screen);
    const board = createRolloutBoard(screen, createPlainBoard(screen));
    await showOn(board, screen, (report) => client.rollout(options, report));
  });
}

function rolloutOptions(flags: Flags, nodes: number): RolloutOptions {
  const { batch, soak, canary, maxErrorRate, maxP99Ratio, minRequests, only } = flags;
  const size = batch === undefined ? undefined : batchSize(batch, nodes);
  return { batch: size, canary, soakMs: soak, maxErrorRate, maxP99Ratio, minRequests, only };
}

function commandRollout(command: RolloutCommand, options: ServiceOptions): Promise<void> {
  return withController(options, async (client, screen) => {
    const status = await client.commandRollout(command);
    if (screen.isJson) screen.json(status);
    else screen.print(formatRollout(status, Date.now(), screen));
  });
}

function showStatus(options: ServiceOptions): Promise<void> {
  return withController(options, async (client, screen) => {
    const status = await client.rolloutStatus();
    if (status === undefined) {
      throw new LameduckError(
        'notRunning',
        'Cannot show the rollout: none has run since the controller began',
      );
    }
    if (screen.isJson) screen.json(status);
    else screen.print(formatRollout(status, Date.now(), screen));
    if (status.state === 'aborted') process.exitCode = 1;
  });
}
