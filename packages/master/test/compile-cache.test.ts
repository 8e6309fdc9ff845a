import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openCompileCache } from '../src/compile-cache.ts';

test('compiled code is kept in a directory that only its owner can read or write, and that is trusted', (t) => {
  const parent = mkdtempSync(join(tmpdir(), 'lameduck-test-'));
  t.after(() => rmSync(parent, { recursive: true }));
  const made = openCompileCache({}, parent) ?? assert.fail();
  assert.equal(statSync(made).mode & 0o777, 0o700);
  assert.equal(openCompileCache({}, parent), made);
  chmodSync(made, 0o770);
  assert.equal(openCompileCache({}, parent), undefined);
  rmSync(made, { recursive: true });
  symlinkSync(parent, made);
  assert.equal(openCompileCache({}, parent), undefined);
});

test("Node's own variables, coverage, and a place that cannot be written leave compiled code unkept", () => {
  for (const name of ['NODE_COMPILE_CACHE', 'NODE_DISABLE_COMPILE_CACHE', 'NODE_V8_COVERAGE'])
    assert.equal(openCompileCache({ [name]: '1' }), undefined);
  assert.equal(openCompileCache({}, '/proc'), undefined);
  assert.equal(openCompileCache({}, import.meta.filename), undefined);
});
