import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { checkHooks } from '../src/checks/check-hooks.ts';
import { loadService } from '../src/service.ts';

const config = `service: shop
edges: [{ name: edge-1, listen: 127.0.0.1:8080 }]
rollout:
  hooks:
    beforeStart: ../deploy.sh --now
    rollBack: [./back.sh]
nodes:
  - { name: a, address: 127.0.0.1:9001, directory: a, process: { start: x } }
  - { name: b, address: 127.0.0.1:9002, directory: b, process: { start: x } }
  - name: c
    address: 127.0.0.1:9003
    directory: a
    process: { start: x }
    hooks:
      beforeStart: ["no-such-program-anywhere", "now"]
`;

interface Place {
  readonly folder: string;
  check(): Promise<readonly string[]>;
}

function place(t: TestContext, text = config): Place {
  const folder = mkdtempSync(join(tmpdir(), 'lameduck-check-hooks-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  for (const name of ['a', 'b']) mkdirSync(join(folder, name));
  const file = join(folder, 'lameduck.yaml');
  writeFileSync(file, text);
  const check = async (): Promise<readonly string[]> => {
    const findings = await checkHooks(await loadService({ config: file }));
    return findings.map(({ level, subject, text: said, file: where = '', line, column }) =>
      [level, subject, `${where}:${line}:${column}`, said].join(' ').replaceAll(`${folder}/`, ''),
    );
  };
  return { folder, check };
}

function script(folder: string, name: string, mode = 0o755): void {
  writeFileSync(join(folder, name), '#!/bin/sh\n');
  chmodSync(join(folder, name), mode);
}

describe('lameduck check of hooks', () => {
  it('names what is not there, with its place in the configuration, as a rollout would look for it', async (t) => {
    const { folder, check } = place(t);
    script(join(folder, 'a'), 'back.sh');
    assert.deepEqual(await check(), [
      'warning nodes a, b lameduck.yaml:5:5 hook beforeStart: deploy.sh does not exist',
      'warning node b lameduck.yaml:6:5 hook rollBack: b/back.sh does not exist',
      'warning node c lameduck.yaml:15:7 hook beforeStart: no-such-program-anywhere is not on the PATH of the node',
    ]);
  });

  it('names what cannot be run', async (t) => {
    const { folder, check } = place(t);
    script(folder, 'deploy.sh', 0o644);
    script(join(folder, 'a'), 'back.sh');
    mkdirSync(join(folder, 'b', 'back.sh'));
    const [first, second] = await check();
    assert.equal(
      first,
      'warning nodes a, b lameduck.yaml:5:5 hook beforeStart: deploy.sh is not executable (chmod +x)',
    );
    assert.equal(second, 'warning node b lameduck.yaml:6:5 hook rollBack: b/back.sh is no file');
  });

  it('says nothing of what is well, nor of a line that only the shell can read', async (t) => {
    const lines = ['sh -c ./missing', 'RELEASE=1 ./missing', '$HOME/missing', 'true'];
    const nodes = lines.map(
      (line, index) =>
        `  - { name: n${index}, address: "127.0.0.1:900${index}", process: { start: x }, hooks: { beforeStart: ${JSON.stringify(line)}, rollBack: [sh, -c, ./missing] } }`,
    );
    const { check } = place(
      t,
      `service: shop\nedges: [{ name: e, listen: "127.0.0.1:8080" }]\nnodes:\n${nodes.join('\n')}\n`,
    );
    assert.deepEqual(await check(), []);
  });

  it('names a rollBack that has nothing to take back', async (t) => {
    const text = `service: shop
edges: [{ name: e, listen: 127.0.0.1:8080 }]
nodes:
  - { name: a, address: 127.0.0.1:9001, process: { start: x }, hooks: { rollBack: 'true' } }
`;
    const [finding] = await place(t, text).check();
    assert.match(finding ?? '', /^warning node a lameduck.yaml:4:\d+ hook rollBack: it never runs/);
  });
});
