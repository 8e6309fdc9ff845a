import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, it } from 'node:test';
import { findGunicorn, type GunicornSearch } from '../../src/adapters/gunicorn/find-gunicorn.ts';
import { probePackages } from '../../src/adapters/gunicorn/worker-class.ts';

const deadline = (): AbortSignal => AbortSignal.timeout(20_000);

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lameduck-gunicorn-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** An executable file; the second line is what it does. */
function program(path: string, ...lines: string[]): string {
  const file = join(folder, path);
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(file, `${lines.join('\n')}\n`);
  chmodSync(file, 0o755);
  return file;
}
function search(changes: Partial<GunicornSearch> = {}, environment = {}): GunicornSearch {
  const path = [join(folder, 'one'), join(folder, 'two'), '/usr/bin', '/bin'].join(':');
  return { node: 'b', directory: folder, environment: { PATH: path, ...environment }, ...changes };
}

it('the Gunicorn of a node is the first on PATH that runs', async () => {
  program('one/gunicorn', '#!/bin/sh', 'exit 127');
  const second = program('two/gunicorn', '#!/bin/sh', 'exit 0');
  const found = await findGunicorn(search(), deadline());
  assert.deepEqual(found.command, [second]);
});

it('the Gunicorn of a node has the version that it tells, if it tells one', async () => {
  for (const [printed, version] of [
    ['gunicorn (version 27.0.1)', '27.0.1'],
    ['gunicorn (version 20.1.0)', '20.1.0'],
    ['something else', undefined],
  ] as const) {
    program('one/gunicorn', '#!/bin/sh', `echo '${printed}'`);
    assert.equal((await findGunicorn(search(), deadline())).version, version);
  }
});

it('the Gunicorn of a node is the configured one before that of the environment, and that one before PATH', async () => {
  program('one/gunicorn', '#!/bin/sh');
  const configured = program('configured', '#!/bin/sh');
  const ofEnvironment = program('environment', '#!/bin/sh');
  const environment = { LAMEDUCK_GUNICORN: ofEnvironment };
  assert.deepEqual((await findGunicorn(search({}, environment), deadline())).command, [ofEnvironment]);
  const found = await findGunicorn(search({ command: './configured' }, environment), deadline());
  assert.deepEqual(found.command, [configured]);
});

it('the Gunicorn of a node is the module of the configured Python', async () => {
  const python = program('two/my-python', '#!/bin/sh');
  const found = await findGunicorn(search({ python: 'my-python' }), deadline());
  assert.deepEqual(found, { command: [python, '-m', 'gunicorn'], python });
});

it('the Gunicorn of a node is told with all that was tried where none runs', async () => {
  const configured = program('configured', '#!/bin/sh', 'echo no module >&2; exit 1');
  await assert.rejects(findGunicorn(search({ command: configured }), deadline()), {
    code: 'binaryMissing',
    message: /configured \(no module\)/,
  });
});

it('the Gunicorn of a node has the Python of its first line, of env on PATH, of the long form of pip or beside a shim', async () => {
  const python = program('two/python3', '#!/bin/sh', 'exit 0');
  const cases: [string[], string][] = [
    [[`#!${python}`], python],
    [['#!/usr/bin/env python3'], python],
    [['#!/bin/sh', `'''exec' "${python}" "$0" "$@"`, "' '''"], python],
    [['#!/bin/bash', 'exit 0'], join(folder, 'one', 'python3')],
  ];
  for (const [lines, expected] of cases) {
    program('one/gunicorn', ...lines);
    assert.equal((await findGunicorn(search(), deadline())).python, expected);
  }
});

it('the Gunicorn of a node is asked for its worker class, and its Python is named where it does not run', async () => {
  const python = program('python', '#!/bin/sh', 'echo UvicornWorker True');
  const packages = await probePackages({ command: [], python }, search(), deadline());
  assert.deepEqual(packages, { workerClass: 'uvicorn_worker.UvicornWorker', hasControlSocket: true });
  const broken = program('broken', '#!/bin/sh', 'exit 1');
  await assert.rejects(probePackages({ command: [], python: broken }, search(), deadline()), {
    code: 'binaryMissing',
  });
});
