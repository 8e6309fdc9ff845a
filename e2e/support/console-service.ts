import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, afterEach, before } from 'node:test';
import type { ServiceStatus } from '@lameduck/core';
import { launch } from '../../packages/console/test/support/browser.ts';
import { type OpenPage, openPage } from '../../packages/console/test/support/open-page.ts';
import { freePorts } from './ports.ts';
import { type RunningService, runService, startUp } from './run-service.ts';
import { projectRoot } from './service-config.ts';

type Browser = Awaited<ReturnType<typeof launch>>;
export type Page = OpenPage['page'];

/** What each role presents; the daemon has only their hashes. */
export const consoleTokens = {
  operator: 'operator-token-0123456789',
  viewer: 'viewer-token-0123456789',
} as const;

/** Names that lead to this host in the browser: one that the daemon answers for, and one that it does not know. */
export const consoleHosts = { allowed: 'console.test', foreign: 'elsewhere.test' } as const;

const app = { entry: join(projectRoot, 'examples', 'shop', 'app.ts'), workers: 1 };

export interface OpenHow {
  readonly host?: string;
  readonly token?: string;
  readonly hash?: string;
  readonly viewport?: { readonly width: number; readonly height: number };
  readonly colorScheme?: 'light' | 'dark';
}

/** A real service whose daemon serves the built console to a real browser. */
export interface ConsoleWorld {
  readonly service: RunningService;
  /** By the name that is allowed, or another one; with a token where one is given. */
  open(how?: OpenHow): Promise<Page>;
  /** As the daemon's API has it: where moments count, a program that first starts comes too late. */
  status(): Promise<ServiceStatus>;
  /** All nodes are in rotation and well. */
  allServe(): Promise<boolean>;
  /** Ends the daemon at once. */
  kill(): Promise<void>;
  /** Starts the daemon again where it was, after it was killed; with the `lameduck` of another build where one is given. */
  startAgain(launcher?: string): Promise<void>;
}

/** Three nodes behind one edge, a daemon with `api.listen`, and a browser; each page is closed after its test. */
export function serveConsole(): ConsoleWorld {
  const state = {} as { service: RunningService; browser: Browser; port: number };
  const pages: OpenPage[] = [];
  const status = async (): Promise<ServiceStatus> => {
    const answer = await fetch(`http://127.0.0.1:${state.port}/v1/status`, {
      headers: { authorization: `Bearer ${consoleTokens.viewer}` },
    });
    return (await answer.json()) as ServiceStatus;
  };
  before(async () => {
    state.port = (await freePorts(1))[0] ?? 0;
    state.service = await runService({
      nodes: ['app', 'app', 'app'],
      mode: 'gate',
      config: consoleConfig(state.port),
      // one worker each: what is looked at is the console, and the nodes restart often
      overrides: { a: { app }, b: { app }, c: { app } },
    });
    const rules = Object.values(consoleHosts).map((host) => `MAP ${host} 127.0.0.1`);
    state.browser = await launch(`--host-resolver-rules=${rules.join(', ')}`);
  });
  afterEach(async () => {
    for (const page of pages.splice(0)) await page.close();
  });
  after(async () => {
    await state.browser.close();
    await state.service.stop();
  });
  return {
    get service() {
      return state.service;
    },
    async open({ host = consoleHosts.allowed, token, hash = '', ...look } = {}) {
      const url = `http://${host}:${state.port}/`;
      const page = await openPage(
        state.browser,
        { url },
        { ...look, hash: token === undefined ? hash : `#token=${token}` },
      );
      pages.push(page);
      return page.page;
    },
    status,
    allServe: async () =>
      (await status()).nodes.every(({ state, inRotation }) => state === 'ready' && inRotation),
    async kill() {
      const exited = once(state.service.up, 'exit');
      state.service.up.kill('SIGKILL');
      await exited;
    },
    async startAgain(launcher) {
      state.service = await startUp(state.service, launcher === undefined ? {} : { launcher });
    },
  };
}

/** As it stands in the configuration. */
export function hashToken(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

/** A daemon with `api.listen`, a viewer and an operator. */
export function consoleConfig(port: number): Record<string, unknown> {
  const tokens = Object.entries(consoleTokens).map(([role, token]) => ({
    name: `the-${role}`,
    role,
    sha256: hashToken(token),
  }));
  return {
    health: { interval: '100ms' },
    api: { listen: `127.0.0.1:${port}`, tokens, allowedHosts: [consoleHosts.allowed] },
  };
}
