import { after, afterEach, before } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { launch } from './browser.ts';
import { type DaemonOptions, FakeDaemon } from './fake-daemon.ts';
import { openPage } from './open-page.ts';

export interface UsedBrowser {
  start(options?: DaemonOptions): Promise<FakeDaemon>;
  /** What the browser complains about fails the test. */
  open(daemon: FakeDaemon, options?: Parameters<typeof openPage>[2]): Promise<Page>;
  /** Done after the test, before its daemons and pages are closed. */
  atEnd(end: () => Promise<void>): void;
}

/** One browser for the tests of a `describe`; the daemons and pages of each test are closed after it. */
export function useBrowser(): UsedBrowser {
  let browser: Browser;
  const ends: (() => Promise<void>)[] = [];
  before(async () => {
    browser = await launch();
  });
  after(() => browser.close());
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });
  return {
    async start(options) {
      const daemon = await FakeDaemon.start(options);
      ends.push(() => daemon.close());
      return daemon;
    },
    async open(daemon, options) {
      const opened = await openPage(browser, daemon, options);
      ends.push(opened.close);
      return opened.page;
    },
    atEnd: (end) => void ends.push(end),
  };
}
