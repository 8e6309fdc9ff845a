import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { launch } from './browser.ts';
import { FakeDaemon } from './fake-daemon.ts';
import { openPage } from './open-page.ts';

/*
 * Takes the pictures of docs/images anew: node packages/console/test/support/take-pictures.ts
 * Fonts are those of the machine; the ones in the repository were taken with Debian's fonts-inter.
 */

const folder = join(import.meta.dirname, '..', '..', '..', '..', 'docs', 'images');
const pictures = [
  {
    file: 'console-drain.webp',
    colorScheme: 'light',
    viewport: { width: 1360, height: 1130 },
    deviceScaleFactor: 1,
  },
  {
    file: 'console-phone.webp',
    colorScheme: 'dark',
    viewport: { width: 390, height: 844 },
    deviceScaleFactor: 2,
  },
] as const;

const browser = await launch();
for (const { file, ...options } of pictures) {
  const daemon = await FakeDaemon.start({ nodes: 6, hasPast: true, stepMs: 240 });
  const { page } = await openPage(browser, daemon, options);
  for (let second = 0; second < 55; second += 1) daemon.service.tick();
  daemon.service.node('b').inFlight = 23;
  daemon.hold('drain');
  const restarted = daemon.operate('restart', 'b');
  await page.locator('.pip-running', { hasText: 'drain' }).waitFor();
  const common = {
    id: daemon.service.history[0]?.id,
    at: new Date().toISOString(),
    node: 'b',
    operation: 'restart',
  };
  daemon.emit('operation', { ...common, type: 'inFlight', count: 14 });
  daemon.service.change('b', { inFlight: 14 });
  await page.locator('[data-in-flight="14"]').waitFor();
  const session = await page.context().newCDPSession(page);
  const { data } = await session.send('Page.captureScreenshot', { format: 'webp', quality: 82 });
  await writeFile(join(folder, file), Buffer.from(data, 'base64'));
  daemon.release('drain');
  await restarted;
  await page.context().close();
  await daemon.close();
}
await browser.close();
