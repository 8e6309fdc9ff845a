import type { Server } from 'node:http';
import { Server as NetServer } from 'node:net';
import { Bouncer } from './bounce.ts';
import { ConnectionTable } from './connection-table.ts';
import { startDrain, stepDrain } from './drain.ts';
import type { DrainEffect, DrainEvent, DrainState, DrainTimer } from './drain-state.ts';
import { HandOff, type HandOffLink } from './hand-off/hand-off.ts';
import { interceptServer } from './intercept.ts';
import { startKeepAlive } from './keep-alive.ts';
import { logError } from './log.ts';
import type { Settings } from './options.ts';
import { afterQuietTurn } from './quiet-turn.ts';
import { runHooks } from './run-hooks.ts';
import { runMachine } from './run-machine.ts';
import { type Counts, type DrainReport, type Member, shared } from './shared-state.ts';

/** What is told to the outside of one application. */
export interface LifecycleHooks {
  onReady?(): void;
  onDraining?(): void;
  /** While promised requests are bounced: some have arrived lately, bounced or not. */
  onBusy?(): void;
  onDrained?(aborted: readonly string[]): void;
  /** The shutdown hooks were cut after so long. */
  onShutdownCut?(ms: number): void;
  /** Run in turn, once, within what is left of `graceMs` and `shutdownMs`. */
  readonly shutdownHooks: readonly (() => unknown)[];
  /** Where siblings may take connections over. */
  readonly handOff?: HandOffLink;
  /** The last thing before the process may end. */
  beforeExit?(): Promise<void>;
}

/**
 * The effects of `drain.ts` on one real server: timers, sockets, hooks and the exit. Everything that is decided
 * is decided there.
 */
export class Lifecycle implements Member {
  readonly ended: Promise<DrainReport>;
  readonly handOff: HandOff | undefined;
  readonly server: Server;
  readonly #table: ConnectionTable;
  readonly #bouncer: Bouncer;
  readonly #settings: Settings;
  readonly #hooks: LifecycleHooks;
  readonly #timers = new Map<DrainTimer, { readonly endsAt: number; readonly handle: NodeJS.Timeout }>();
  readonly #machine: { readonly state: DrainState; send(event: DrainEvent): void };
  /** Only what WebSockets are told depends on it. */
  #isReplaced = false;
  #shutdownAt = 0;
  #heir: Member | undefined;
  readonly #stopCounting: () => void;
  readonly #stopKeepAlive: () => void;
  #resolveEnded: (report: DrainReport) => void = () => undefined;

  constructor(server: Server, settings: Settings, hooks: LifecycleHooks) {
    this.server = server;
    this.#settings = settings;
    this.#hooks = hooks;
    this.#table = new ConnectionTable(server);
    this.#bouncer = new Bouncer(settings.promiseToken);
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    this.#machine = runMachine(stepDrain, startDrain(settings.budgets), (effect) => this.#perform(effect));
    this.handOff = this.#createHandOff(hooks.handOff);
    const { readinessPath, livenessPath, keepAliveMs } = settings;
    this.#stopKeepAlive = startKeepAlive(server, keepAliveMs, this.#table);
    this.#stopCounting = interceptServer(server, {
      table: this.#table,
      bouncer: this.#bouncer,
      keepAliveMs,
      readinessPath,
      livenessPath,
      limits: settings.limits,
      observer: settings.observer,
      phase: () => this.probePhase(),
    });
    if (settings.allowHalfOpen) Object.assign(server, { httpAllowHalfOpen: true });
    shared.members.add(this);
  }

  get inFlight(): number {
    return this.#table.inFlight;
  }

  /** The server could not listen: nothing is left to drain. */
  discard(): void {
    this.#stopKeepAlive();
    shared.members.delete(this);
  }

  counts(): Counts {
    return this.#table.counts();
  }

  ready(): void {
    this.#machine.send({ type: 'ready' });
  }

  terminate(): void {
    if (this.#heir === undefined) this.#machine.send({ type: 'terminate' });
    else this.#heir.terminate();
  }

  quit(): void {
    if (this.#heir === undefined) this.#machine.send({ type: 'quit' });
    else this.#heir.quit();
  }

  yieldTo(heir: Member): readonly (() => unknown)[] {
    this.discard();
    this.#stopCounting();
    this.#heir = heir;
    void heir.ended.then(this.#resolveEnded);
    return this.#hooks.shutdownHooks;
  }

  /** Like `terminate`, but promised requests are bounced, and new connections accepted until `release`. */
  bounce(ms: number): void {
    this.#machine.send({ type: 'bounce', ms });
  }

  release(): void {
    afterQuietTurn(this.server, () => this.#machine.send({ type: 'released' }));
  }

  /** Siblings go on serving: no lame-duck time, and WebSockets are told 1012 instead of 1001. */
  replaced(): void {
    this.#isReplaced = true;
    this.#machine.send({ type: 'replaced' });
  }

  /** The access log was moved away. */
  reopenLogs(): void {
    this.#settings.observer?.accessLog?.reopen();
  }

  shortenGrace(graceMs: number): void {
    this.#machine.send({ type: 'graceShortened', graceMs });
  }

  shortenLinger(lingerMs: number): void {
    this.#machine.send({ type: 'lingerShortened', lingerMs });
  }

  #createHandOff(link: HandOffLink | undefined): HandOff | undefined {
    if (link === undefined) return undefined;
    return new HandOff(link, {
      server: this.server,
      keepAliveMs: this.#settings.keepAliveMs,
      table: this.#table,
      isServing: () => this.#machine.state.phase === 'serving',
      replaced: () => this.replaced(),
      terminate: () => this.terminate(),
      refused: () => this.#machine.send({ type: 'handOffRefused' }),
    });
  }

  probePhase(): 'starting' | 'ready' | 'draining' {
    if (this.#heir !== undefined) return this.#heir.probePhase();
    const { state } = this.#machine;
    if (state.phase === 'starting') return 'starting';
    if (shared.isLameDuck) return 'draining';
    // Whoever asks on a connection that is about to move asks for the siblings, too, and those are ready.
    const isReplaced = state.phase === 'draining' && state.budgets.handOff;
    return state.phase === 'serving' || isReplaced ? 'ready' : 'draining';
  }

  #perform(effect: DrainEffect): void {
    switch (effect.type) {
      case 'announceReady':
        this.#hooks.onReady?.();
        break;
      case 'announceDrain':
        this.#announceDrain();
        break;
      case 'stopAccepting':
        this.#stopAccepting();
        break;
      case 'startBouncing':
        this.#bouncer.start(() => this.#hooks.onBusy?.());
        break;
      case 'startTimer':
        this.#startTimer(effect.timer, effect.ms);
        break;
      case 'closeIdle':
      case 'closeSettled':
        this.#closeConnections(effect);
        break;
      case 'startHandOff':
      case 'endHandOff':
        this.#moveIdle(effect.type === 'startHandOff');
        break;
      case 'tellSessions':
        this.#table.tellSessions(this.#isReplaced ? 1012 : 1001);
        break;
      case 'cutSessions':
        this.#machine.send({ type: 'sessionsCut', names: this.#table.cutSessions() });
        break;
      case 'abortRemaining':
        this.#abortRemaining();
        break;
      case 'runShutdown':
      case 'tellShutdownCut':
        this.#shutDown(effect);
        break;
      case 'exit':
        this.#exit({ code: effect.code, aborted: effect.aborted });
        break;
    }
  }

  /**
   * Idle ones behind the reads of this turn: where the process had to wait for the CPU, a timer runs before it has seen
   * what arrived meanwhile, and a connection with a request in it is not idle.
   */
  #closeConnections(effect: Extract<DrainEffect, { type: 'closeIdle' | 'closeSettled' }>): void {
    if (effect.type === 'closeSettled') this.#table.closeSettled(effect);
    else setImmediate(() => this.#table.closeIdle(effect));
  }

  #moveIdle(isOn: boolean): void {
    if (!isOn) this.#table.endHandOff();
    else if (this.handOff !== undefined) this.#table.startHandOff(this.handOff.sender);
  }

  #announceDrain(): void {
    this.#hooks.onDraining?.();
    this.#table.startLameDuck({
      settled: () => this.#machine.send({ type: 'settled' }),
      emptied: () => this.#machine.send({ type: 'emptied' }),
    });
    shared.drain.abort();
  }

  #stopAccepting(): void {
    // Not http.Server's close(): it truncates answers that a slow reader has not taken yet, and stops the
    // timeouts of half-sent headers (Node 20 to 26).
    NetServer.prototype.close.call(this.server);
    if (this.#table.size === 0) this.#machine.send({ type: 'emptied' });
  }

  #startTimer(timer: DrainTimer, ms: number): void {
    const endsAt = performance.now() + ms;
    const running = this.#timers.get(timer);
    if (running !== undefined && running.endsAt <= endsAt) return;
    clearTimeout(running?.handle);
    const handle = setTimeout(() => {
      this.#timers.delete(timer);
      this.#machine.send({ type: 'timerExpired', timer });
    }, ms);
    this.#timers.set(timer, { endsAt, handle });
  }

  #abortRemaining(): void {
    const requests = this.#table.names();
    this.#table.abortRequests();
    // One turn for the handlers that end their answer when they see the signal.
    setImmediate(() => {
      this.#table.destroyAll();
      this.#machine.send({ type: 'aborted', requests });
    });
  }

  #shutDown(effect: Extract<DrainEffect, { type: 'runShutdown' | 'tellShutdownCut' }>): void {
    if (effect.type === 'runShutdown') {
      this.#runShutdown(effect.aborted);
      return;
    }
    const ms = Math.round(performance.now() - this.#shutdownAt);
    logError('The shutdown hooks took too long and were cut', { ms });
    this.#hooks.onShutdownCut?.(ms);
  }

  #runShutdown(aborted: readonly string[]): void {
    if (aborted.length > 0) logError('Requests outlived the grace period and were aborted', { aborted });
    this.#hooks.onDrained?.(aborted);
    this.#shutdownAt = performance.now();
    runHooks(this.#hooks.shutdownHooks).then(
      (isClean) => this.#machine.send({ type: 'shutdownEnded', isClean }),
      () => this.#machine.send({ type: 'shutdownEnded', isClean: false }),
    );
  }

  #exit(report: DrainReport): void {
    for (const { handle } of this.#timers.values()) clearTimeout(handle);
    this.#bouncer.stop();
    this.#stopKeepAlive();
    shared.exitCode = Math.max(shared.exitCode, report.code);
    const finish = (): void => {
      // Only now: the last beat still counts this member.
      shared.members.delete(this);
      this.#resolveEnded(report);
      if (this.#settings.exit && shared.members.size === 0) process.exit(shared.exitCode);
    };
    if (this.#hooks.beforeExit === undefined) finish();
    else this.#hooks.beforeExit().then(finish, finish);
  }
}
