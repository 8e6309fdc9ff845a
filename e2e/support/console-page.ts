import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { ConsoleWorld, Page } from './console-service.ts';
import { projectRoot } from './service-config.ts';
import { until } from './until.ts';

/** Not by name: its types are those of a browser, which these tests have not. */
const inspect = join(projectRoot, 'packages/console/test/support/inspect.ts');
const { inspectPage } = (await import(inspect)) as { inspectPage: () => string[] };

/** What is wrong on the page for people who see little, hear it, or use no mouse. */
export function problemsOf(page: Page): Promise<string[]> {
  return page.evaluate(inspectPage);
}

/** Presses the button of a node and answers what the page asks. */
export async function act(page: Page, verb: string, node: string): Promise<void> {
  await page.getByRole('button', { name: `${verb} ${node}`, exact: true }).click();
  await page.getByRole('dialog').getByRole('button', { name: verb, exact: true }).click();
}

export function isIn(page: Page, node: string, state: string): Promise<void> {
  return page.locator(`tr[data-node=${node}][data-state=${state}]`).waitFor();
}

export function message(page: Page, text: string | RegExp): Promise<void> {
  return page.getByRole('region', { name: 'Messages' }).getByText(text).first().waitFor();
}

/** Requests that last, spread over the nodes; each must be answered in the end. */
export function askSlowly(world: ConsoleWorld, times: readonly number[]): Promise<void> {
  const answers = times.map((ms) => fetch(`${world.service.url}/slow?ms=${ms}`));
  return Promise.all(answers).then((all) =>
    assert.deepEqual(new Set(all.map(({ status }) => status)), new Set([200])),
  );
}

/** Resolves when each node has more than one request that it has not answered. */
export function everyNodeAnswers(world: ConsoleWorld): Promise<void> {
  return until('every node has requests', async () =>
    (await world.status()).nodes.every(({ inFlight }) => inFlight > 1),
  );
}

/** Two for each node: long enough for what is to be done meanwhile. */
export const everywhere: readonly number[] = Array<number>(6).fill(7000);
