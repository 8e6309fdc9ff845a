import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { OperationKind, PhaseName } from '@lameduck/core';
import { fail, policy, send, sendFile, writeEvent } from './fake-answers.ts';
import { playOperation } from './fake-operation.ts';
import { makePast } from './fake-past.ts';
import { type FakeOptions, FakeService } from './fake-service.ts';

export interface DaemonOptions extends Partial<FakeOptions> {
  readonly token?: string;
  readonly port?: number;
  readonly stepMs?: number;
}

/** A daemon that is only played, with the API of the real one. Every test starts its own. */
export class FakeDaemon {
  readonly service: FakeService;
  token: string | undefined;
  role: 'operator' | 'viewer' = 'operator';
  /** Steps that a test holds until it lets them go. */
  readonly held = new Map<PhaseName, PromiseWithResolvers<void>>();
  readonly resumedFrom: (string | undefined)[] = []; // the `Last-Event-ID` of each connection
  readonly posted: { path: string; body: unknown; key: string | undefined }[] = [];
  /** Adds a line to the log of a node that is followed. */
  readonly logs = new Map<string, (line: string) => unknown>();
  port = 0;
  readonly #stepMs: number;
  #server: Server | undefined;
  #streams = new Set<ServerResponse>();
  #ring: { id: string; event: string; data: unknown }[] = [];
  #boot = 'boot1';
  #count = 0;
  #ticker: NodeJS.Timeout | undefined;

  private constructor(options: DaemonOptions) {
    this.service = new FakeService({
      nodes: options.nodes ?? 3,
      edges: options.edges ?? 2,
      version: 'version' in options ? options.version : '0.1.0',
      hasPast: options.hasPast ?? false,
    });
    this.token = options.token;
    this.port = options.port ?? 0;
    this.#stepMs = options.stepMs ?? 20;
    this.service.emit = (event, data) => this.emit(event, data);
    if (options.hasPast) makePast(this.service);
  }

  static async start(options: DaemonOptions = {}): Promise<FakeDaemon> {
    const daemon = new FakeDaemon(options);
    await daemon.listen();
    return daemon;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/`;
  }

  async listen(): Promise<void> {
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch((error: unknown) =>
        fail(response, 500, 'internal', String(error)),
      );
    });
    this.#server.listen(this.port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.port = (this.#server.address() as AddressInfo).port;
  }

  /** Traffic, checks and changes each second; tests that need none of it leave it off. */
  tick(everyMs = 1000): void {
    this.#ticker = setInterval(() => this.service.tick(), everyMs);
  }

  /** Goes away as a daemon that is killed. */
  async close(): Promise<void> {
    clearInterval(this.#ticker);
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    this.#streams.clear();
    server.close().closeAllConnections();
    await once(server, 'close').catch(() => {});
  }

  /** Comes back; `forgets`: as another process, which does not know what the one before it told. */
  async reopen({ forgets = false } = {}): Promise<void> {
    if (forgets) {
      this.#boot = `boot${Number(this.#boot.slice(4)) + 1}`;
      this.#ring = [];
      this.#count = 0;
    }
    await this.listen();
  }

  hold(phase: PhaseName): void {
    this.held.set(phase, Promise.withResolvers());
  }

  /** Lets what is held go one request on. */
  step(phase: PhaseName): void {
    const before = this.held.get(phase);
    this.hold(phase);
    before?.resolve();
  }

  release(phase: PhaseName): void {
    this.held.get(phase)?.resolve();
    this.held.delete(phase);
  }

  emit(event: string, data: unknown): void {
    this.#count += 1;
    const item = { id: `${this.#boot}-${this.#count}`, event, data: structuredClone(data) };
    this.#ring.push(item);
    if (this.#ring.length > 5000) this.#ring.shift();
    for (const stream of this.#streams) writeEvent(stream, item);
  }

  operate(
    kind: OperationKind,
    node: string,
    force = false,
    onLine = (_: object): void => {},
  ): Promise<unknown> {
    const gate = async (phase: PhaseName): Promise<void> => this.held.get(phase)?.promise;
    return playOperation(this.service, kind, node, { force, stepMs: this.#stepMs, onLine, gate });
  }

  /** Restarts the nodes one by one, until it is aborted. */
  async rollout(batch: number): Promise<void> {
    const names = [...this.service.nodes.keys()];
    const rollout = {
      id: 900,
      state: 'running' as 'running' | 'paused' | 'aborting' | 'aborted' | 'done',
      batch,
      pending: names,
      running: [] as string[],
      done: [] as string[],
      beganAt: new Date().toISOString(),
    };
    this.service.rollout = rollout;
    while (rollout.pending.length > 0 && rollout.state === 'running') {
      rollout.running = rollout.pending.slice(0, batch);
      rollout.pending = rollout.pending.slice(batch);
      this.emit('rollout', rollout);
      await Promise.all(rollout.running.map((name) => this.operate('restart', name)));
      rollout.done = [...rollout.done, ...rollout.running];
      rollout.running = [];
    }
    rollout.state = rollout.state === 'aborting' ? 'aborted' : 'done';
    this.emit('rollout', rollout);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.url);
    response.setHeader('content-security-policy', policy);
    response.setHeader('lameduck-api', '1');
    response.setHeader('lameduck-version', this.service.version ?? '0.0.0');
    if (!url.pathname.startsWith('/v1/')) return sendFile(url.pathname, response);
    const given = request.headers.authorization;
    if (this.token !== undefined && given !== `Bearer ${this.token}`) {
      return fail(response, 401, 'unauthorized', 'Cannot let you in: a valid token is wanted');
    }
    response.setHeader('lameduck-role', this.role);
    if (request.method === 'POST') return this.#act(url.pathname.slice(4), request, response);
    if (url.pathname === '/v1/events') return this.#stream(request, response);
    const [, logOf] = /^\/v1\/nodes\/([^/]+)\/logs$/.exec(url.pathname) ?? [];
    if (logOf !== undefined) return this.#followLog(logOf, response);
    const found = this.#look(url);
    if (!found) return fail(response, 404, 'usage', `Cannot find "${url.pathname}"`);
    send(response, found);
  }

  #look(url: URL): unknown {
    const [, , kind, one, two] = url.pathname.split('/');
    const search = url.searchParams.get('search') ?? '';
    const { service } = this;
    switch (kind) {
      case 'status':
        return service.status();
      case 'traffic':
        return service.traffic.filter(({ atMs }) => atMs >= Number(url.searchParams.get('since')));
      case 'history':
        if (one !== undefined) return service.history.find(({ id }) => id === Number(one));
        return service.history
          .filter(({ subject }) => subject.includes(url.searchParams.get('node') ?? ''))
          .map(({ steps, ...entry }) => entry);
      case 'audit':
        return service.audit.filter((entry) => JSON.stringify(entry).includes(search));
      case 'preview':
        return service.preview(one as OperationKind, two ?? '');
      default:
        return undefined;
    }
  }

  async #act(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const text = (await request.toArray()).join('');
    const body = text === '' ? {} : JSON.parse(text);
    this.posted.push({ path, body, key: request.headers['idempotency-key'] as string | undefined });
    if (this.role === 'viewer')
      return fail(response, 403, 'forbidden', 'Cannot act: the role operator is wanted');
    const [first, node, kind] = path.split('/');
    if (first === 'nodes') return this.#runOperation(kind as OperationKind, node ?? '', body, response);
    if (first === 'rollout' && node === undefined) return this.#runRollout(body.batch, response);
    if (first === 'rollout') return send(response, this.#steer(node as 'pause' | 'resume' | 'abort'));
    this.service.paused = first === 'pause' ? { sinceMs: 0, holdMs: 30_000, by: 'ada' } : undefined;
    this.service.setFlags();
    this.service.note(first ?? '', this.service.name, 'done');
    send(response, { paused: this.service.paused });
  }

  async #runOperation(
    kind: OperationKind,
    node: string,
    body: { force?: boolean },
    response: ServerResponse,
  ): Promise<void> {
    response.setHeader('content-type', 'application/x-ndjson');
    const write = (line: object): unknown => response.write(`${JSON.stringify(line)}\n`);
    const report = await this.operate(kind, node, body.force === true, write);
    write({ type: 'report', report });
    response.end();
  }

  async #runRollout(batch: number | undefined, response: ServerResponse): Promise<void> {
    response.setHeader('content-type', 'application/x-ndjson');
    response.flushHeaders();
    await this.rollout(batch ?? 1);
    const result = this.service.rollout?.state;
    const report = {
      operation: 'rollout',
      result,
      nodes: [],
      untouched: this.service.rollout?.pending,
      ms: 10,
    };
    response.end(`${JSON.stringify({ type: 'report', report })}\n`);
  }

  #steer(command: 'pause' | 'resume' | 'abort'): unknown {
    const { rollout } = this.service;
    if (rollout === undefined) throw new Error('no rollout');
    rollout.state = ({ pause: 'paused', resume: 'running', abort: 'aborting' } as const)[command];
    this.emit('rollout', rollout);
    return rollout;
  }

  #followLog(node: string, response: ServerResponse): void {
    if (this.service.node(node).kind === 'gunicorn') {
      const message = `Cannot find a log of node "${node}": one that lameduck started is wanted`;
      fail(response, 404, 'usage', message);
      return;
    }
    const write = (line: string): unknown => response.write(`${JSON.stringify({ line })}\n`);
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    for (let line = 1; line <= 40; line += 1) write(`${node} line ${line}`);
    this.logs.set(node, write);
  }

  #stream(request: IncomingMessage, response: ServerResponse): void {
    const last = request.headers['last-event-id'] as string | undefined;
    this.resumedFrom.push(last);
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const at = this.#ring.findIndex(({ id }) => id === last);
    if (at >= 0) for (const item of this.#ring.slice(at + 1)) writeEvent(response, item);
    else
      writeEvent(response, {
        id: `${this.#boot}-${this.#count}`,
        event: 'status',
        data: this.service.status(),
      });
    response.write(': here\n\n');
    this.#streams.add(response);
    response.on('close', () => this.#streams.delete(response));
  }
}
