import assert from 'node:assert/strict';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';

/** Bounds are generous: the machine may be busy with other tests. */
export const patienceMs = 20_000;

export interface OpenPage {
  readonly page: Page;
  /** What the browser complained about: violations of the policy, errors of scripts. */
  readonly complaints: string[];
  close(): Promise<void>;
}

/** Opens the console at the daemon's URL, which ends with `/`, in a page of its own; waits until it shows something. */
export async function openPage(
  browser: Browser,
  daemon: { readonly url: string },
  options: BrowserContextOptions & { readonly hash?: string } = {},
): Promise<OpenPage> {
  const { hash = '', ...rest } = options;
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...rest });
  const page = await context.newPage();
  page.setDefaultTimeout(patienceMs);
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    // that the daemon is away or refuses is what some tests are about
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) {
      complaints.push(message.text());
    }
  });
  await page.goto(daemon.url + hash);
  await page.locator('h1').first().waitFor();
  const close = async (): Promise<void> => {
    await context.close();
    assert.deepEqual(complaints, []);
  };
  return { page, complaints, close };
}
