import type { Server } from 'node:http';
import type { WorkerAssignment, WorkerCounts, WorkerToMaster } from '@lameduck/core';
import { type Application, prepareServer } from './application.ts';
import { type Beats, createBeats } from './beats.ts';
import type { Entry } from './entry.ts';
import { Lifecycle, type LifecycleHooks } from './lifecycle.ts';
import type { MasterLink } from './master-link.ts';
import { createObserver } from './observe/create-observer.ts';
import type { RequestObserver } from './observe/request-observer.ts';
import { readSettings } from './options.ts';
import { type HeldListen, ListenWatch } from './program/listen-watch.ts';
import { load } from './program/load.ts';
import { type OwnSignals, softenClose } from './program/own-signals.ts';
import { readyMessage } from './program/ready-message.ts';
import { watchCluster } from './program/refuse-cluster.ts';
import { listen } from './serve.ts';
import { shared } from './shared-state.ts';
import { describeFailure } from './syntax-place.ts';
import { tellHang } from './tell-hang.ts';
import { warmUp } from './warm-up.ts';
import { warmUpApplication } from './warm-up-application.ts';
import { workerContext } from './worker-context.ts';
import { WorkerError } from './worker-error.ts';

async function runStartup(path: string, { startup }: Entry): Promise<void> {
  try {
    await startup?.(workerContext());
  } catch (thrown) {
    const wanted = 'a startup() without an error was wanted';
    const message = `Cannot start "${path}": ${wanted}: current value is ${await describeFailure(thrown)}`;
    throw new WorkerError('entryUnusable', message, thrown);
  }
}

function createHooks(
  link: MasterLink,
  beats: Beats,
  observer: RequestObserver | undefined,
  shutdownHooks: readonly (() => unknown)[],
): LifecycleHooks {
  function beat(counts: WorkerCounts): WorkerToMaster {
    const latency = observer?.latency?.counts();
    return { type: 'beat', counts, ...(latency === undefined ? {} : { latency }) };
  }
  return {
    shutdownHooks,
    handOff: link.handOff,
    onReady: () => {
      link.send({ type: 'ready' });
      beats.start((counts) => link.send(beat(counts)));
    },
    onDraining: () => link.send({ type: 'draining' }),
    onBusy: () => link.send({ type: 'busy' }),
    onDrained: (aborted) => {
      rememberAborted(aborted);
      link.send({ type: 'drained', aborted });
    },
    onShutdownCut: (ms) => link.send({ type: 'shutdownCut', ms }),
    beforeExit: async () => {
      await observer?.accessLog?.close();
      await link.flush(beat(beats.read()));
    },
  };
}

/** The end of a program that ends itself after the drain, too: what was aborted shows in the exit code. */
function rememberAborted(aborted: readonly string[]): void {
  if (aborted.length === 0) return;
  process.once('exit', () => {
    process.exitCode = 5;
  });
}

/**
 * Loads the entry, runs its startup, and serves it on the inherited socket; resolves when it listens (and has said
 * that it is ready, where that is wanted) and the master has been told. Throws `entryUnusable`, `usage`,
 * `addressInUse` or `startFailed`.
 */
export async function runWorker(
  assignment: WorkerAssignment,
  link: MasterLink,
  ownSignals: OwnSignals,
): Promise<Lifecycle> {
  const observer = createObserver(assignment);
  const settings = { ...readSettings(assignment), observer, promiseToken: assignment.promiseToken };
  // the application's own warm-up calls Node's code as well
  if ((assignment.warmUp ?? []).length === 0) await warmUp();
  const isReady = assignment.waitReady === true ? readyMessage() : undefined;
  const shutdownHooks: (() => unknown)[] = [() => ownSignals.run()];
  function start(server: Server): Lifecycle {
    // A program that serves with `serve` or `attach` of its own: one of us counts, and drains.
    const own = [...shared.members].find((member) => member.server === server);
    const lifecycle = new Lifecycle(
      server,
      settings,
      createHooks(link, createBeats(), observer, shutdownHooks),
    );
    shutdownHooks.unshift(...(own?.yieldTo(lifecycle) ?? []));
    return lifecycle;
  }
  const lifecycle = await serveEntry(assignment, link, start, shutdownHooks);
  if (assignment.hangStack === true) tellHang((stack) => link.send({ type: 'hung', stack }));
  if (isReady !== undefined) link.send({ type: 'starting', step: 'waitReady' });
  await isReady;
  lifecycle.ready();
  return lifecycle;
}

/** Resolves when the application, or the program, listens on the inherited socket. */
async function serveEntry(
  assignment: WorkerAssignment,
  link: MasterLink,
  start: (server: Server) => Lifecycle,
  shutdownHooks: (() => unknown)[],
): Promise<Lifecycle> {
  const { entry: path, fd, id, generation, warmUp: warmUpPaths = [] } = assignment;
  Object.assign(shared.context, { id, generation });
  let lifecycle: Lifecycle | undefined;
  async function warm(server: Server): Promise<void> {
    if (warmUpPaths.length === 0) return;
    link.send({ type: 'starting', step: 'warmUp' });
    await warmUpApplication(server, warmUpPaths);
  }
  async function serveProgram({ server, takeOver }: HeldListen): Promise<Lifecycle> {
    refuseProtocols(assignment);
    await warm(server);
    lifecycle = start(server);
    softenClose(server);
    await takeOver(fd);
    return lifecycle;
  }
  link.send({ type: 'starting', step: 'loading' });
  const cluster = watchCluster(path);
  const serveEarly = async (program: HeldListen): Promise<void> => void (await serveProgram(program));
  const entry = await Promise.race([load(path, new ListenWatch(), serveEarly), cluster.refused]);
  cluster.end();
  const { shutdown } = entry;
  if (shutdown !== undefined) shutdownHooks.unshift(() => shutdown(workerContext()));
  // Startup first: a factory may need what it opens.
  if (entry.startup !== undefined) link.send({ type: 'starting', step: 'startup' });
  await runStartup(path, entry);
  if (lifecycle !== undefined) return lifecycle;
  // What it exports can be served with what a program must do itself.
  const isProgram = entry.application === undefined || !wantsProtocols(assignment);
  if (entry.program !== undefined && isProgram) return serveProgram(entry.program);
  link.send({ type: 'starting', step: 'preparing' });
  const { server, close } = await prepareServer(entry.application as Application, path, assignment);
  // Behind the hook of the application, which may still need the framework.
  if (close !== undefined) shutdownHooks.splice(-1, 0, close);
  await warm(server);
  lifecycle = start(server);
  await listen(server, { fd });
  return lifecycle;
}

/** A program makes its own server: what it speaks is decided there. */
function refuseProtocols(assignment: WorkerAssignment): void {
  const { entry } = assignment;
  if (!wantsProtocols(assignment)) return;
  const wanted = 'an exported application was wanted with certfile or http2';
  throw new WorkerError(
    'usage',
    `Cannot serve "${entry}": ${wanted}: current value is a program that listens`,
  );
}

function wantsProtocols({ certfile, http2 }: WorkerAssignment): boolean {
  return certfile !== undefined || http2 === true;
}
