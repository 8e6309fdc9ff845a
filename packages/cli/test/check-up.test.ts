import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, it, type TestContext } from 'node:test';
import { CommandFolder } from './support/run-command.ts';

const app = `import { writeFileSync } from 'node:fs';
writeFileSync('started', '');
export default (request, response) => response.end('ok');
`;

/** A listener that holds a port until the test ends. */
async function holdPort(test: TestContext): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  test.after(() => server.close());
  return (server.address() as { port: number }).port;
}

/** A port that is free now. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

async function makeService(test: TestContext, more: string): Promise<CommandFolder> {
  // no port, which somebody else might take meanwhile
  const edge = /^edges:/m.test(more) ? '' : 'edges: [{ name: e, listen: "unix:e.sock" }]\n';
  const nodes = /^nodes:/m.test(more)
    ? ''
    : 'nodes: [{ name: a, address: "unix:a.sock", app: { entry: ./app.mjs, workers: 1 } }]\n';
  const folder = new CommandFolder(test, { 'app.mjs': app });
  const text = `service: shop\n${edge}${nodes}${more}`
    .replaceAll('unix:a.sock', `unix:${folder.path}/a.sock`)
    .replaceAll('unix:e.sock', `unix:${folder.path}/e.sock`);
  folder.write('lameduck.yaml', `${text}availability: { minAvailable: 0 }\n`);
  return folder;
}

function makeCertificate(folder: CommandFolder, name: string): void {
  execFileSync(
    'openssl',
    [
      ...[
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:prime256v1',
        '-nodes',
        '-days',
        '2',
      ],
      ...['-subj', '/CN=127.0.0.1', '-keyout', join(folder.path, `${name}.key`)],
      ...['-out', join(folder.path, `${name}.crt`)],
    ],
    { stdio: 'ignore' },
  );
}

const hashed = `[{ name: x, role: operator, sha256: ${'ab'.repeat(32)} }]`;
const api = (tls: string, tokens = hashed): string =>
  `api: { listen: "127.0.0.1:PORT", tls: ${tls}, tokens: ${tokens} }\n`;

describe('what up refuses, check refuses', { concurrency: 2 }, () => {
  interface Mistake {
    readonly name: string;
    readonly more: string;
    readonly code: number;
    readonly wanted: RegExp;
    prepare?(folder: CommandFolder): void;
  }
  const token = '[{ name: x, role: operator, tokenFile: ./none }]';
  const node = (rest: string): string =>
    `nodes: [{ name: a, address: "unix:a.sock", app: { entry: ./app.mjs }, ${rest} }]\n`;
  const mistakes: readonly Mistake[] = [
    {
      name: 'a token file that is not there',
      more: api('{ cert: a.crt, key: a.key }', token),
      code: 78,
      wanted: /Cannot read token file ".*none": a readable file is wanted: ENOENT/,
      prepare: (folder) => makeCertificate(folder, 'a'),
    },
    {
      name: 'a certificate that is not there',
      more: api('{ cert: none.crt, key: a.key }'),
      code: 78,
      wanted: /Cannot read api\.tls ".*none\.crt": a readable PEM file is wanted: ENOENT/,
      prepare: (folder) => makeCertificate(folder, 'a'),
    },
    {
      name: 'a key of another certificate',
      more: api('{ cert: a.crt, key: b.key }'),
      code: 78,
      wanted: /Cannot use api\.tls: a certificate and its key as PEM are wanted/,
      prepare: (folder) => {
        for (const name of ['a', 'b']) makeCertificate(folder, name);
      },
    },
    {
      name: 'a directory that is not there',
      more: node('directory: ./gone'),
      code: 78,
      wanted: /Cannot start "a": directory .*gone must be a folder that is there: current value is missing/,
    },
    {
      name: 'a directory that is a file',
      more: node('directory: ./app.mjs'),
      code: 78,
      wanted:
        /Cannot start "a": directory .*app\.mjs must be a folder that is there: current value is no folder/,
    },
    {
      name: 'a log in a place where no folder can be',
      more: node('log: { file: /proc/x/a.log }'),
      code: 78,
      wanted:
        /Cannot make folder "\/proc\/x": a place is wanted where .* may make one: current value is ENOENT/,
    },
    {
      name: 'a state directory where none can be',
      more: 'stateDirectory: /proc/x\n',
      code: 78,
      wanted:
        /Cannot make folder "\/proc\/x": a place is wanted where .* may make one: current value is ENOENT/,
    },
    {
      name: 'a state directory that is a file',
      more: 'stateDirectory: ./app.mjs/state\n',
      code: 78,
      wanted: /Cannot make folder ".*app\.mjs\/state": .*current value is ENOTDIR/,
    },
    {
      name: 'a store of a newer version',
      more: '',
      code: 78,
      wanted: /Cannot open ".*store\.db": version 2 or older is wanted: current value is 99/,
      prepare: (folder) => {
        folder.write('.lameduck/.gitignore', '*\n');
        const store = new DatabaseSync(join(folder.path, '.lameduck/store.db'));
        store.exec('PRAGMA user_version = 99');
        store.close();
      },
    },
  ];
  for (const { name, more, code, wanted, prepare } of mistakes) {
    it(`${name}: in the same words, exit code ${code}, before any node runs`, {
      timeout: 60_000,
    }, async (test) => {
      const folder = await makeService(test, more.replace('PORT', String(await freePort())));
      prepare?.(folder);
      for (const command of ['check', 'up']) {
        const ended = await folder.run([command]);
        assert.equal(ended.code, code, ended.stdout + ended.stderr);
        assert.match(ended.stdout + ended.stderr, wanted);
      }
      assert.ok(!existsSync(join(folder.path, 'started')));
    });
  }

  it('a port that somebody has, of the API and of a managed edge: exit code 1', async (test) => {
    const port = await holdPort(test);
    const plain = `{ listen: "127.0.0.1:${port}", tokens: ${hashed} }`;
    const cases: readonly (readonly [string, RegExp])[] = [
      [`api: ${plain}\n`, new RegExp(`Cannot listen on .*127\\.0\\.0\\.1:${port}`)],
      [
        `edges: [{ name: e, listen: "127.0.0.1:${port}" }]\n`,
        new RegExp(`Cannot start edge "e": 127\\.0\\.0\\.1:${port} must be free: .*${process.pid}`),
      ],
    ];
    for (const [more, wanted] of cases) {
      const folder = await makeService(test, more);
      for (const command of ['check', 'up']) {
        const ended = await folder.run([command]);
        assert.equal(ended.code, 1, ended.stdout + ended.stderr);
        assert.match(ended.stdout + ended.stderr, wanted);
      }
    }
  });
});

describe('lameduck check', () => {
  it('leaves nothing behind, in a service that has never run', async (test) => {
    const folder = await makeService(test, '');
    const before = readdirSync(folder.path, { recursive: true });
    const { code, stdout, stderr } = await folder.run(['check']);
    assert.equal(code, 0, stdout + stderr);
    assert.deepEqual(readdirSync(folder.path, { recursive: true }), before);
  });
});
