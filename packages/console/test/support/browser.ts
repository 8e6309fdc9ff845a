import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

/** Where Debian puts it, or where the set-up without root has put it (scripts/with-tools.sh says so). */
export const browserPath: string = process.env['LAMEDUCK_CHROMIUM'] ?? '/usr/bin/chromium-headless-shell';

/** A reason to skip where there is no browser; `false` where there is one. */
export const noBrowser: string | false = existsSync(browserPath)
  ? false
  : `no browser at ${browserPath}: make setup brings it`;

export function launch(...args: readonly string[]): Promise<Browser> {
  return chromium.launch({ executablePath: browserPath, args: ['--no-sandbox', '--disable-gpu', ...args] });
}
