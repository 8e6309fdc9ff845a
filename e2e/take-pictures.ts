// Takes the pictures of docs/images anew: the console of a real daemon with four nodes behind two nginx, under load, while a node is
// restarted and while all are rolled out. Fonts are those of the machine; the pictures in the repository have Debian's fonts-inter.
//   scripts/with-tools.sh node e2e/take-pictures.ts [--folder docs/images] [--png]
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { runLoad } from '@lameduck/ledger';
import { launch } from '../packages/console/test/support/browser.ts';
import { openPage } from '../packages/console/test/support/open-page.ts';
import { act, isIn } from './support/console-page.ts';
import { consoleConfig, consoleTokens, type Page } from './support/console-service.ts';
import { freePorts } from './support/ports.ts';
import { runService } from './support/run-service.ts';
import { projectRoot } from './support/service-config.ts';

const { values } = parseArgs({
  options: { folder: { type: 'string', default: 'docs/images' }, png: { type: 'boolean', default: false } },
});
const app = { entry: join(projectRoot, 'examples', 'shop', 'app.ts'), workers: 1 };
const names = ['a', 'b', 'c', 'd'];
const desktop = { width: 1280, height: 900 };
const phone = { width: 390, height: 844 };
/** The charts show a minute. */
const calmMs = 25_000;

const [apiPort = 0, firstEdge = 0, secondEdge = 0] = await freePorts(3);
const edges = [firstEdge, secondEdge].map((port, index) => ({
  name: `edge-${index + 1}`,
  listen: `127.0.0.1:${port}`,
  mode: 'gate',
}));
const service = await runService({
  nodes: names.map(() => 'app'),
  config: { ...consoleConfig(apiPort), edges, health: { interval: '1s' } },
  overrides: Object.fromEntries(names.map((name) => [name, { app }])),
});
const urls = edges.map(({ listen }) => `http://${listen}`);
const connections = { get: 5, fresh: 1, post: 3, slow: 6, upload: 1, stream: 1 };
const loads = urls.map((url) => runLoad({ url, connections, ratePerConnection: 6 }));
const browser = await launch();

async function open(look: NonNullable<Parameters<typeof openPage>[2]>): Promise<Page> {
  const url = `http://127.0.0.1:${apiPort}/`;
  const { page } = await openPage(browser, { url }, { ...look, hash: `#token=${consoleTokens.operator}` });
  await page.getByRole('button', { name: '1 min' }).click();
  return page;
}

async function take(page: Page, name: string): Promise<void> {
  const session = await page.context().newCDPSession(page);
  const format = values.png ? 'png' : 'webp';
  const { data } = await session.send('Page.captureScreenshot', {
    format,
    ...(values.png ? {} : { quality: 82 }),
  });
  await writeFile(join(values.folder, `${name}.${format}`), Buffer.from(data, 'base64'));
  await session.detach();
}

/** So that a node that leaves has something to wait for. */
function askSlowly(ms: number): Promise<unknown> {
  return Promise.all(
    urls.flatMap((url) =>
      Array.from({ length: 20 }, () => fetch(`${url}/slow?ms=${ms}`).then((answer) => answer.text())),
    ),
  );
}

/** On all these pages a node waits for its last answers, and they show it from their top. */
async function untilDraining(...pages: readonly Page[]): Promise<void> {
  for (const page of pages) {
    await page.locator('.pip-running', { hasText: 'drain' }).waitFor();
    await page.evaluate("document.querySelector('main').scrollTo(0, 0)");
  }
  await pause(1500);
}

async function takeRestart(light: Page, small: Page): Promise<void> {
  const slow = askSlowly(9000);
  await pause(1500);
  await act(light, 'Restart', 'c');
  await untilDraining(light, small);
  await take(light, 'console-drain');
  await take(small, 'console-phone');
  await slow;
  await light.getByRole('link', { name: /Restart c: exited, lost 0/ }).click();
  await light.getByRole('heading', { name: 'Restart c: it came back.' }).waitFor();
  await take(light, 'console-report');
}

async function takeRollout(light: Page, dark: Page): Promise<void> {
  await light.goto(new URL('#/', light.url()).href);
  await dark.keyboard.press('o');
  await dark.getByRole('dialog').getByRole('button', { name: 'Roll out' }).click();
  await isIn(light, 'b', 'starting');
  const slow = askSlowly(9000);
  await isIn(light, 'c', 'draining');
  await untilDraining(dark);
  await take(dark, 'console-rollout');
  await slow;
  await dark.locator('[data-rollout=done]').waitFor({ timeout: 120_000 });
}

try {
  const light = await open({ colorScheme: 'light', viewport: desktop });
  await pause(calmMs);
  await act(light, 'Drain', 'b');
  await isIn(light, 'b', 'drained');
  await pause(4000);
  await act(light, 'Put back', 'b');
  await pause(calmMs / 2);
  const small = await open({ colorScheme: 'dark', viewport: phone, deviceScaleFactor: 2 });
  await takeRestart(light, small);
  await small.close();
  const dark = await open({ colorScheme: 'dark', viewport: desktop });
  await takeRollout(light, dark);
} finally {
  await browser.close();
  for (const load of loads) await load.stop();
  await service.stop();
}
