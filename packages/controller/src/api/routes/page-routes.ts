import { readFile, stat } from 'node:fs/promises';
import { extname, join, normalize, sep } from 'node:path';
import type { Hono } from 'hono';
import type { ApiContext, ApiEnv } from '../caller.ts';

const types: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/x-icon',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.map': 'application/json',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.webmanifest': 'application/manifest+json',
  '.woff2': 'font/woff2',
};

/** Nothing but what is served here, and nobody may put it into a frame. */
const contentPolicy = [
  "default-src 'none'",
  ...[
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
  ],
  ...["manifest-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"],
].join('; ');

const missingPage = `<!doctype html><meta charset="utf-8"><title>lameduck</title>
<h1>No console here</h1>
<p>This daemon was installed without its web console. The API is at <code>/v1</code>; in a terminal,
<code>lameduck top --url … --token-file …</code> shows the same. From a checkout: <code>npm run build</code>.</p>
`;

/**
 * Serves the console: static files without any secret in them, so without a token; what the page asks the API for needs
 * one. Paths without an ending are the page itself, so that what it shows can be shared as a link.
 */
export function addPageRoutes(app: Hono<ApiEnv>, folder: string | undefined): void {
  app.get('*', async (context) => {
    context.header('content-security-policy', contentPolicy);
    context.header('x-content-type-options', 'nosniff');
    context.header('referrer-policy', 'no-referrer');
    const path = pathOf(context);
    const isPage = extname(path) === '';
    const file = folder === undefined ? undefined : await readInside(folder, isPage ? 'index.html' : path);
    if (file === undefined)
      return isPage
        ? context.html(missingPage, folder === undefined ? 404 : 500)
        : context.text('no such file\n', 404);
    const isHashed = /^[/\\]?assets[/\\]/.test(path);
    context.header('cache-control', isHashed ? 'public, max-age=31536000, immutable' : 'no-cache');
    context.header('content-type', types[isPage ? '.html' : extname(path)] ?? 'application/octet-stream');
    return context.body(file);
  });
}

function pathOf(context: ApiContext): string {
  try {
    return normalize(decodeURIComponent(context.req.path));
  } catch {
    return '/';
  }
}

/** A regular file of the folder; `..` leads nowhere, hidden files are not there. */
async function readInside(folder: string, path: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const file = join(folder, path);
  const isHidden = path.split(sep).some((part) => part.startsWith('.'));
  if (!file.startsWith(folder + sep) || isHidden || path.includes('\0')) return undefined;
  try {
    return (await stat(file)).isFile() ? new Uint8Array(await readFile(file)) : undefined;
  } catch {
    return undefined;
  }
}
