import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';

const packages = join(import.meta.dirname, '..', '..');

/** What each package may depend on of ours; nothing else, ever. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  core: [],
  client: ['core'],
  worker: [],
  master: ['core'],
  controller: ['core'],
  // of the console its files, no code
  cli: ['core', 'client', 'worker', 'master', 'controller', 'console'],
  ledger: [],
  console: [],
};

/** What is built into a package, and so no dependency of it: the page takes types of core, and the client. */
const builtIn: Readonly<Record<string, readonly string[]>> = { console: ['client'] };

function manifest(name: string): { dependencies?: Record<string, string>; version: string } {
  return JSON.parse(readFileSync(join(packages, name, 'package.json'), 'utf8'));
}

function sources(name: string): string[] {
  const folder = join(packages, name, 'src');
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.tsx?$/.test(file))
    .map((file) => readFileSync(join(folder, file), 'utf8'));
}

function imports(name: string): string[] {
  return sources(name).flatMap((text) =>
    [...text.matchAll(/^(?:import|export)\s(?!type\s)[^;]*?from '([^']+)'/gm)].map((match) => match[1] ?? ''),
  );
}

describe('the architecture', () => {
  for (const [name, friends] of Object.entries(allowed)) {
    it(`${name} depends on ${friends.length === 0 ? 'no package' : friends.join(', ')} of ours`, () => {
      const declared = Object.keys(manifest(name).dependencies ?? {});
      const ours = declared.filter((dependency) => dependency.startsWith('@lameduck/'));
      assert.deepEqual(ours.sort(), friends.map((friend) => `@lameduck/${friend}`).sort());
      const imported = imports(name).filter((from) => from.startsWith('@lameduck/'));
      for (const from of imported)
        assert.ok(
          [...friends, ...(builtIn[name] ?? [])].some((friend) => from.startsWith(`@lameduck/${friend}`)),
          from,
        );
    });
  }

  it('core does no I/O: it imports zod, itself and nothing else', () => {
    const foreign = imports('core').filter((from) => !from.startsWith('./') && from !== 'zod');
    assert.deepEqual(foreign, []);
  });

  it('worker goes into every application and so has no dependency at all', () => {
    assert.deepEqual(Object.keys(manifest('worker').dependencies ?? {}), []);
    const foreign = imports('worker').filter((from) => !from.startsWith('.') && !from.startsWith('node:'));
    assert.deepEqual(foreign, []);
  });

  it('client goes into the page of the console and so takes only types of others', () => {
    const foreign = imports('client').filter((from) => !from.startsWith('./'));
    assert.deepEqual(foreign, []);
  });

  it('all packages have one version', () => {
    assert.equal(new Set(Object.keys(allowed).map((name) => manifest(name).version)).size, 1);
  });
});
