import { readFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { extname, join } from 'node:path';

/** What the built page is served from. */
const dist = join(import.meta.dirname, '..', '..', 'dist');
/** The strictest policy that the page must live with. */
export const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";
const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
};

/** One event of `text/event-stream`. */
export function writeEvent(
  to: ServerResponse,
  { id, event, data }: { id: string; event: string; data: unknown },
): void {
  to.write(`id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
}

/** JSON. */
export function send(response: ServerResponse, body: unknown): void {
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify(body));
}

/** An error as the API tells it. */
export function fail(response: ServerResponse, status: number, code: string, message: string): void {
  if (!response.headersSent) response.statusCode = status;
  send(response, { error: { code, message, details: {} } });
}

/** A file of the built page. */
export async function sendFile(path: string, response: ServerResponse): Promise<void> {
  const file = join(dist, path === '/' ? 'index.html' : path);
  try {
    const content = await readFile(file);
    response.setHeader('content-type', types[extname(file)] ?? 'application/octet-stream');
    response.end(content);
  } catch {
    fail(response, 404, 'usage', `Cannot find "${path}"`);
  }
}
