import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { newerGunicorn } from '../support/newer-gunicorn.ts';
import { projectRoot } from '../support/service-config.ts';

/** Gunicorn's own first: it has Uvicorn. */
function findPython(): string | undefined {
  const gunicorn = process.env['LAMEDUCK_GUNICORN'];
  const beside = gunicorn === undefined ? [] : [join(dirname(gunicorn), 'python3')];
  return [...beside, '/usr/bin/python3', 'python3'].find(
    (python) => spawnSync(python, ['--version']).status === 0,
  );
}

const pythons = [
  { title: 'the ASGI middleware', python: findPython(), why: 'there is no python3 here' },
  { title: 'the ASGI middleware, with a current Uvicorn', ...newerGunicorn },
];

for (const { title, python, why } of pythons) {
  describe(title, { skip: python === undefined && why }, () => {
    it('passes its own tests', { timeout: 120_000 }, async (context) => {
      const child = spawn(python ?? '', ['-m', 'unittest', '-v'], {
        cwd: join(projectRoot, 'python'),
        env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' },
        stdio: ['ignore', 'inherit', 'pipe'],
      });
      const [report, [code]] = await Promise.all([text(child.stderr), once(child, 'close')]);
      for (const line of report.trimEnd().split('\n')) context.diagnostic(line);
      assert.equal(code, 0, report);
      assert.match(report, /^Ran [1-9]\d* tests/m);
    });
  });
}
