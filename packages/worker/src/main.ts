/*
 * The process that a master spawns: serves the entry named in LAMEDUCK_WORKER on the inherited socket.
 * Exit codes: 0 clean · 1 crashed, or a shutdown hook failed · 3 could not start · 5 something was aborted.
 */
import module from 'node:module';
import type { MasterToWorker } from '@lameduck/core';
import { readAssignment } from './assignment.ts';
import { guardOutput } from './guard-output.ts';
import type { Lifecycle } from './lifecycle.ts';
import { errorFields, logError } from './log.ts';
import { connectMaster } from './master-link.ts';
import { OwnSignals } from './program/own-signals.ts';
import { runWorker } from './run-worker.ts';
import { shared } from './shared-state.ts';
import { ignoreMasterSignals, installSignalHandlers, terminateAll } from './signals.ts';
import { describeFailure } from './syntax-place.ts';
import { WorkerError } from './worker-error.ts';

const startFailed = 3;

guardOutput();
// Before the rest: a signal during the start must end the process, and later ones must drain it.
const ownSignals = new OwnSignals();
installSignalHandlers();
ignoreMasterSignals();
ownSignals.adopt();

let lifecycle: Lifecycle | undefined;
let entry = 'worker';
const link = connectMaster(hear, () => {
  lifecycle?.handOff?.masterLost();
  terminateAll();
});

function hear(message: MasterToWorker | null, handle: unknown): void {
  switch (message?.type) {
    case 'linger':
      lifecycle?.shortenLinger(message.lingerMs);
      break;
    case 'grace':
      lifecycle?.shortenGrace(message.graceMs);
      break;
    case 'lameDuck':
      shared.isLameDuck = message.isOn;
      break;
    case 'reopenLogs':
      lifecycle?.reopenLogs();
      break;
    case 'release':
      lifecycle?.release();
      break;
    case 'bounce':
      if (lifecycle === undefined) terminateAll();
      else lifecycle.bounce(message.ms);
      break;
    case 'leave':
      if (lifecycle === undefined) terminateAll();
      else lifecycle.handOff?.hear(message, handle);
      break;
    default:
      lifecycle?.handOff?.hear(message, handle);
  }
}

let hasFailed = false;

function fail(thrown: unknown): void {
  if (hasFailed) return;
  hasFailed = true;
  void tellFailure(thrown);
}

async function tellFailure(thrown: unknown): Promise<void> {
  const message =
    thrown instanceof WorkerError
      ? thrown.message
      : `Cannot start "${entry}": a start without an error was wanted: current value is ${await describeFailure(thrown)}`;
  const cause = thrown instanceof WorkerError && thrown.cause !== undefined ? thrown.cause : thrown;
  // What only we found wrong needs no stack: the master tells it.
  if (!(cause instanceof WorkerError) || !process.connected) logError(message, errorFields(cause));
  const exit = (): never => process.exit(startFailed);
  await link.flush({ type: 'failed', message }).then(exit, exit);
}

/** An entry that cannot be loaded is told here, too, as the main module that it is: whoever waits for it says more. */
function failSoon(thrown: unknown): void {
  setImmediate(() => setImmediate(() => fail(thrown)));
}

// While starting, an error that nobody catches is a failed start, too (a port of its own that is taken).
process.on('uncaughtException', failSoon);
try {
  const assignment = readAssignment(process.env.LAMEDUCK_WORKER);
  // The application's own children are not workers of this master.
  delete process.env.LAMEDUCK_WORKER;
  entry = assignment.entry;
  // A full disk, or a Node that has none, costs time only.
  if (assignment.compileCache !== undefined) module.enableCompileCache?.(assignment.compileCache);
  lifecycle = await runWorker(assignment, link, ownSignals);
  process.removeListener('uncaughtException', failSoon);
} catch (thrown) {
  fail(thrown);
}
