import { readFileSync } from 'node:fs';
import { dirname, extname, resolve } from 'node:path';
import { LameduckError } from '@lameduck/core';
import { readDocument } from '../config/read-document.ts';
import { readInChild } from './read-in-child.ts';

/** One application of a PM2 file, as it is there: nothing in it is to be believed. */
export type Pm2App = Readonly<Record<string, unknown>>;

// In a process of its own: the file is a program, which may print, wait, or end the process.
const script = `
const { writeSync } = require('node:fs');
const { pathToFileURL } = require('node:url');
import(pathToFileURL(process.argv[1]).href).then((module) => {
  const value = module.default ?? module;
  const text = JSON.stringify({ apps: value.apps ?? value });
  for (let at = 0, bytes = Buffer.from(text); at < bytes.length; ) at += writeSync(3, bytes, at);
  process.exit(0);
}).catch((error) => {
  process.stderr.write(String(error && error.message).split('\\n')[0] + '\\n');
  process.exit(1);
});`;

/** The applications of an ecosystem file: `.js`, `.cjs`, `.mjs`, `.json`, `.yaml`, `.yml`. Throws `config`. */
export async function readEcosystem(file: string): Promise<readonly Pm2App[]> {
  const path = resolve(file);
  const isData = ['.json', '.yaml', '.yml'].includes(extname(path));
  const document = isData ? readDocument(path, readText(path)).value : await evaluate(path);
  const found = isRecord(document) && 'apps' in document ? document['apps'] : document;
  const apps = (Array.isArray(found) ? found : [found]).filter(isRecord);
  const usable = apps.filter((app) => typeof app['script'] === 'string' && app['script'] !== '');
  if (usable.length > 0) return usable;
  const message = `Cannot use PM2 file "${path}": an app with a script must stand in it: current value is ${apps.length} apps without one`;
  throw new LameduckError('config', message, { file: path });
}

async function evaluate(path: string): Promise<unknown> {
  readText(path);
  return readInChild(path, [process.execPath, '-e', script, path], dirname(path));
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    const message = `Cannot read "${path}": a readable file is wanted: current value is ${code}`;
    throw new LameduckError('config', message, { file: path }, thrown);
  }
}

function isRecord(value: unknown): value is Pm2App {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
