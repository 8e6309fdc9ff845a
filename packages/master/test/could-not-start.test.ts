import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import type { MasterOptions } from '../src/index.ts';
import { application, MasterProcess } from './support/master-process.ts';

const forEver = 'await new Promise(() => setInterval(() => undefined, 1000));';
const program = `import http from 'node:http'; http.createServer((_, response) => response.end()).listen(0);`;
const forking = `
import cluster from 'node:cluster';
cluster.fork();
cluster.on('exit', () => cluster.fork());`;
const readyTimeoutMs = 1500;
const late = 'the worker was not ready within 1500 ms \\(--ready-timeout\\): ';

const cases: readonly (readonly [
  what: string,
  code: string,
  options: Partial<MasterOptions>,
  got: string,
])[] = [
  [
    "a program that never says process.send('ready') under --wait-ready",
    program,
    { readyTimeoutMs, worker: { waitReady: true } },
    `${late}its program has not said process\\.send\\('ready'\\), which --wait-ready waits for`,
  ],
  [
    'a startup() that never ends',
    `${application}\nexport const startup = async () => { ${forEver} };`,
    { readyTimeoutMs },
    `${late}its startup\\(\\) has not ended`,
  ],
  [
    'a function that never makes its application',
    `export default async () => { ${forEver} };`,
    { readyTimeoutMs },
    `${late}its application, or the function that makes it, has not become ready`,
  ],
  [
    'an application that never answers what --warm-up asks for',
    'export default (_request, response) => void response;',
    { readyTimeoutMs, worker: { warmUp: ['/'] } },
    `${late}it has not answered all that --warm-up asks for, which may take five seconds`,
  ],
  [
    'a module that waits for ever',
    forEver,
    { readyTimeoutMs },
    `${late}its module has neither exported an application nor called listen\\(\\)`,
  ],
  [
    'a module that ends the process',
    'process.exit(0);',
    {},
    'the worker exited with code 0 before it was ready: its module has neither exported an application nor called listen\\(\\)',
  ],
  [
    'a module of --import that is not there',
    application,
    { nodeArguments: ['--import', './nope.mjs'] },
    "the worker exited with code 1 before Node had reached the application \\(--import \\./nope\\.mjs\\): Node's own message is in the log",
  ],
  [
    'a module of --import that waits for ever',
    application,
    {
      readyTimeoutMs,
      bootTimeoutMs: readyTimeoutMs,
      nodeArguments: ['--import', `data:text/javascript,${forEver}`],
    },
    'the worker gave no sign of life within 1500 ms \\(--ready-timeout\\): Node has not reached the application \\(--import data:.*\\)',
  ],
  ['an export of no use', 'export default 5;', {}, 'exports default \\(a number\\)'],
  ['a program that forks itself with node:cluster', forking, {}, 'one that forks itself'],
];

for (const [what, code, options, got] of cases) {
  it(`${what} is told by its cause, exit code 3`, async (test) => {
    const master = new MasterProcess(test, { workers: 1, ...options }, code);
    const { error } = await master.outcome;
    assert.match(error?.message ?? '', new RegExp(`^Cannot .*: current value is ${got}$`));
    assert.equal(error?.code, 'entryUnusable');
    assert.deepEqual(await master.ended, { code: 3, signal: null });
  });
}

it('a worker that is killed while it starts is no fault of the application: exit code 1', async (test) => {
  const master = new MasterProcess(test, { workers: 1 }, `process.kill(process.pid, 'SIGKILL'); ${forEver}`);
  const { error } = await master.outcome;
  assert.match(error?.message ?? '', /current value is the worker was ended by SIGKILL$/);
  assert.deepEqual(await master.ended, { code: 1, signal: null });
});

it('R4: an imported module that does not parse fails a reload with its file, line, column and the line itself', async (test) => {
  const master = new MasterProcess(test, { workers: 1 });
  await master.ready();
  const broken = join(master.directory, 'broken.mjs');
  writeFileSync(broken, 'export const a = 1;\n  export const b = ;\n');
  master.deploy(`import './broken.mjs';\n${application}`);
  const { body } = await master.control('POST', '/reload');
  const place = `SyntaxError: Unexpected token ';' in ${broken}:2:20\n      export const b = ;\n                       ^`;
  assert.ok(body.error?.message.endsWith(place), body.error?.message);
  const line = await master.waitLog((one) => one.msg === 'worker crashed');
  assert.ok(String(line.reason).endsWith(place));
});
